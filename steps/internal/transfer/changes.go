package transfer

import (
	"bufio"
	"os"
	"strings"

	"github.com/backube/scribe-gen/steps/internal/protocol"
	"github.com/backube/scribe-gen/steps/internal/scan"
	"github.com/backube/scribe-gen/steps/internal/survey"
	"github.com/backube/scribe-gen/tree/manifest"
)

// changes is what a scan finds to differ from the index, as lists for rsync.
type changes struct {
	keeps protocol.Keeps
	// uncertain is whether the replica may have changed since the index: then a file
	// whose times of change differ may have any content there.
	uncertain bool

	// differing names what is not as in the index, and the topmost of what is gone;
	// resend the files whose content may differ although size and time agree.
	differing, resend list
	facts             survey.Result
	entries           int64 // that differ
	gone              int64
	names             []string // the first few that are gone
	replaced          int64    // entries whose type or file changed
	hidden            bool     // content differs where size and time agree
	root              bool     // the root's attributes differ
	first             string   // the first entry below the root
	largest           int64    // of the files that differ
	sparse            bool     // one of those has holes
	covered           string   // a directory that is gone, with a slash
	separated         bool     // names of one file are several files now
	links             links
}

// list is a file of paths for rsync.
type list struct {
	path  string
	file  *os.File
	out   *bufio.Writer
	count int64
}

func newList(path string) (list, error) {
	f, err := os.Create(path)
	return list{path: path, file: f, out: bufio.NewWriterSize(f, 64<<10)}, err
}

// add names one entry. The "./" keeps rsync from taking a name that begins with #
// or ; for a comment, and makes it send the root's attributes.
func (l *list) add(path string) {
	l.count++
	_, _ = l.out.WriteString("./")
	_, _ = l.out.WriteString(path)
	_ = l.out.WriteByte(0) // an error is told by Flush
}

func (l *list) close() error {
	err := l.out.Flush()
	if cerr := l.file.Close(); err == nil {
		err = cerr
	}
	return err
}

func (c *changes) stages() scan.Stages { return scan.Stages{Emit: c.emit, Gone: c.missing} }

// emit compares an entry of the source with the index.
func (c *changes) emit(it *scan.Item) error {
	c.facts.Note(&it.Found, c.keeps)
	old := it.Last
	differs := old == nil || !old.Same(&it.Entry)
	if it.Path == "." {
		c.root = differs
		return nil
	}
	if c.first == "" {
		c.first = it.Path
	}
	if c.mayHide(it) {
		c.resend.add(it.Path)
	}
	c.links.note(it, differs)
	if !differs {
		return nil
	}
	c.entries++
	c.largest = max(c.largest, it.Size)
	c.sparse = c.sparse || it.IsRegular() && it.Found.Allocated() < it.Size
	if old != nil {
		c.compare(it, old)
	}
	if !it.Found.Linked() {
		c.differing.add(it.Path) // those with several names follow together
	}
	return nil
}

// compare notes what is particular of an entry that differs from the index's.
func (c *changes) compare(it *scan.Item, old *manifest.Entry) {
	if it.Mode&^0o7777 != old.Mode&^0o7777 || it.Link != old.Link {
		c.replaced++
	}
	if old.IsDir() && !it.IsDir() {
		c.covered = it.Path + "/"
	}
	c.hidden = c.hidden || it.IsRegular() && old.IsRegular() &&
		it.Hash != old.Hash && it.Size == old.Size && it.ModTime == old.ModTime
}

// mayHide reports whether rsync would take the replica's file for the source's by
// size and time of modification, though its content may differ. Any of several
// names counts: rsync links the others to one of which it thinks so.
func (c *changes) mayHide(it *scan.Item) bool {
	old := it.Last
	return old != nil && it.IsRegular() && old.IsRegular() && it.Size == old.Size && it.ModTime == old.ModTime &&
		(it.Hash != old.Hash || c.uncertain && !it.Known)
}

// missing takes an entry of the index that the source does not have.
func (c *changes) missing(e *manifest.Entry) error {
	if c.gone++; len(c.names) < namesShown {
		c.names = append(c.names, e.Path)
	}
	if c.covered != "" && strings.HasPrefix(e.Path, c.covered) {
		return nil // goes with its directory
	}
	if e.IsDir() {
		c.covered = e.Path + "/"
	}
	c.differing.add(e.Path)
	return nil
}

// nothing reports whether the source is as in the index.
func (c *changes) nothing() bool { return c.entries == 0 && c.gone == 0 && !c.root }

// complete adds to the list what only the end of the scan tells.
func (c *changes) complete(result *scan.Result) (err error) {
	c.separated, err = c.links.complete(result, func(e *manifest.Entry) {
		c.largest = max(c.largest, e.Size)
		c.sparse = c.sparse || e.Data != nil
		c.differing.add(e.Path)
	})
	if c.root && c.differing.count == 0 {
		c.differing.add(c.first) // whose parent the root is
	}
	return err
}
