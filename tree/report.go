package tree

import (
	"fmt"
	"strings"

	"github.com/dustin/go-humanize"
)

// Report is the result of a comparison.
type Report struct {
	// Differences are the first ones, in the order of the walk; Total is how many
	// there are.
	Differences []Difference
	Total       int64
	// Entries is the number of paths that were compared, Bytes the content of
	// files that was, of each tree.
	Entries, Bytes int64
}

// Difference is one attribute of one entry that is not the same in both trees.
type Difference struct {
	Path string
	// What is the attribute: presence, type, mode, owner, group, size,
	// modification time, device number, link target, xattr and its name, hard
	// links, content, allocated bytes.
	What string
	// A and B are its values in the two trees, in words.
	A, B string
}

// String is one line, whatever bytes the path holds.
func (d Difference) String() string {
	return fmt.Sprintf("%s: %s: %s, not %s", quote(d.Path), d.What, d.B, d.A)
}

// Equal reports whether no difference was found.
func (r Report) Equal() bool { return r.Total == 0 }

// String is a line for each difference and one that sums up.
func (r Report) String() string {
	var b strings.Builder
	for _, d := range r.Differences {
		fmt.Fprintln(&b, d)
	}
	if more := r.Total - int64(len(r.Differences)); more > 0 {
		fmt.Fprintf(&b, "… and %s more\n", humanize.Comma(more))
	}
	verdict := "identical"
	if !r.Equal() {
		verdict = humanize.Comma(r.Total) + " differences"
	}
	fmt.Fprintf(&b, "%s: %s entries, %s of content compared", verdict, humanize.Comma(r.Entries), humanize.IBytes(uint64(r.Bytes)))
	return b.String()
}

func (c *comparer) differ(path, what, a, b string) {
	c.report.Total++
	if len(c.report.Differences) < c.Limit {
		c.report.Differences = append(c.report.Differences, Difference{Path: path, What: what, A: a, B: b})
	}
}

// quote returns plain names as they are and others in quotes.
func quote(path string) string {
	if quoted := fmt.Sprintf("%q", path); quoted != `"`+path+`"` || strings.ContainsAny(path, " :") {
		return quoted
	}
	return path
}
