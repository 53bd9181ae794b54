package listing

import (
	"cmp"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/backube/scribe-gen/tree"
)

// Compare compares the listing b with a, entry by entry, in every attribute that
// the options do not leave out.
func Compare(a, b []Entry, o tree.Options) tree.Report {
	c := comparer{limit: cmp.Or(o.Limit, 100)}
	others := map[string]Entry{}
	for _, e := range b {
		others[string(e.Path)] = e
	}
	for _, e := range a {
		path := string(e.Path)
		other, ok := others[path]
		delete(others, path)
		c.report.Entries++
		if !ok {
			c.differ(path, "presence", e.kind(), "absent")
			continue
		}
		c.pair(path, e.attributes(o), other.attributes(o))
		if e.SHA256 != nil && other.SHA256 != nil && !o.NoContent {
			c.report.Bytes += e.Size
		}
	}
	for _, e := range b {
		if path := string(e.Path); others[path].Path != nil {
			c.report.Entries++
			c.differ(path, "presence", "absent", e.kind())
		}
	}
	return c.report
}

// comparer is one comparison under way.
type comparer struct {
	report tree.Report
	limit  int
}

func (c *comparer) differ(path, what, a, b string) {
	c.report.Total++
	if len(c.report.Differences) < c.limit {
		c.report.Differences = append(c.report.Differences, tree.Difference{Path: path, What: what, A: a, B: b})
	}
}

// attribute is one thing that can be said of an entry, in words.
type attribute struct{ what, value string }

// pair compares what is said of two entries of the same path. What is said of one
// only, such as an extended attribute, is absent from the other.
func (c *comparer) pair(path string, a, b []attribute) {
	others := map[string]string{}
	for _, x := range b {
		others[x.what] = x.value
	}
	for _, x := range a {
		value, ok := others[x.what]
		delete(others, x.what)
		if !ok {
			value = "absent"
		}
		if !ok || value != x.value {
			c.differ(path, x.what, x.value, value)
		}
	}
	for _, x := range b {
		if value, ok := others[x.what]; ok {
			c.differ(path, x.what, "absent", value)
		}
	}
}

// kind is the entry's type in words.
func (e Entry) kind() string { return tree.Entry{Mode: e.Mode}.Type() }

// attributes says everything of an entry that must be alike.
func (e Entry) attributes(o tree.Options) []attribute {
	known := tree.Entry{Mode: e.Mode}
	all := []attribute{
		{"type", known.Type()},
		{"size", fmt.Sprint(e.Size)},
		{"modification time", time.Unix(0, e.ModTime).UTC().Format(time.RFC3339Nano)},
		{"device number", fmt.Sprintf("%d:%d", unix.Major(e.Rdev), unix.Minor(e.Rdev))},
		{"link target", fmt.Sprintf("%q", e.Target)},
		{"hard links", fmt.Sprintf("a link to %q", e.First)},
	}
	if !known.IsSymlink() { // a symbolic link has no mode of its own
		all = append(all, attribute{"mode", fmt.Sprintf("%04o", known.Permissions())})
	}
	if !o.NoOwners {
		all = append(all, attribute{"owner", fmt.Sprint(e.UID)}, attribute{"group", fmt.Sprint(e.GID)})
	}
	if !o.NoContent && known.IsRegular() {
		all = append(all, attribute{"content", fmt.Sprintf("sha256 %x", e.SHA256)})
	}
	for _, x := range e.Xattrs {
		all = append(all, attribute{"xattr " + string(x.Name), fmt.Sprintf("%q", x.Value)})
	}
	return all
}
