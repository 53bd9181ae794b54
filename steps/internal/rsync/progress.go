package rsync

import (
	"regexp"
	"strconv"
	"strings"
)

// Progress is how far a transfer is.
type Progress struct {
	// Bytes of files that were sent or found at the other side.
	Bytes int64
	// Percent of all bytes that rsync knows of, 0 to 100.
	Percent int
	// Files that were transferred.
	Files int64
	// Checked and Known are the entries that were looked at, of those known so
	// far.
	Checked, Known int64
}

// progressLine is a line of --info=progress2 without human-readable numbers:
// "  1234567  12%  10.00MB/s    0:00:12 (xfr#5, to-chk=10/200)".
var progressLine = regexp.MustCompile(`^\s*([0-9]{1,18})\s+([0-9]{1,3})%\s+\S+\s+[0-9:?]+(?:\s+\(xfr#([0-9]{1,18}), (?:to|ir)-chk=([0-9]{1,18})/([0-9]{1,18})\))?\s*$`)

// ParseProgress reads one line of progress; ok is false for any other line.
func ParseProgress(line string) (p Progress, ok bool) {
	m := progressLine.FindStringSubmatch(line)
	if m == nil {
		return p, false
	}
	p.Bytes = number(m[1])
	p.Percent = int(min(number(m[2]), 100))
	if m[3] != "" {
		p.Files, p.Known = number(m[3]), number(m[5])
		p.Checked = max(p.Known-number(m[4]), 0)
	}
	return p, true
}

// Stats is what rsync counted.
type Stats struct {
	// Entries is the length of its file list, Created and Deleted the entries that
	// were made and removed, Transferred the files whose content was sent.
	Entries, Created, Deleted, Transferred int64
	// Size is the size of all files, Sent that of the transferred ones.
	Size, Sent int64
	// Undeletable is the number of directories that could not be deleted, as they
	// hold what filters protect.
	Undeletable int64
}

// stats maps the labels of --info=stats2 to the fields.
var stats = map[string]func(*Stats) *int64{
	"Number of files":                     func(s *Stats) *int64 { return &s.Entries },
	"Number of created files":             func(s *Stats) *int64 { return &s.Created },
	"Number of deleted files":             func(s *Stats) *int64 { return &s.Deleted },
	"Number of regular files transferred": func(s *Stats) *int64 { return &s.Transferred },
	"Total file size":                     func(s *Stats) *int64 { return &s.Size },
	"Total transferred file size":         func(s *Stats) *int64 { return &s.Sent },
}

// Read takes one line of statistics; it returns false for any other line.
func (s *Stats) Read(line string) bool {
	if strings.HasPrefix(line, "cannot delete non-empty directory:") {
		s.Undeletable++
		return true
	}
	label, value, found := strings.Cut(line, ": ")
	field, known := stats[label]
	if !found || !known {
		return false
	}
	digits, _, _ := strings.Cut(strings.TrimSpace(value), " ")
	*field(s) = number(strings.ReplaceAll(digits, ",", ""))
	return true
}

// number reads a number; what is none, or too large, is 0.
func number(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}
