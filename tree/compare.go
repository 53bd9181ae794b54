package tree

import (
	"cmp"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// Options leave something out of a comparison. The zero value compares all.
type Options struct {
	// NoOwners leaves out user and group.
	NoOwners bool
	// NoContent leaves out what is in files, not their size.
	NoContent bool
	// NoSparse leaves out how much space files take.
	NoSparse bool
	// NoLostFound leaves out the lost+found directory of both roots.
	NoLostFound bool
	// Limit is how many differences the report lists; default 100. All are
	// counted.
	Limit int
}

// Compare compares the tree b with a, entry by entry: which there are, their
// types, modes, owners, sizes, modification times, device numbers, link targets,
// extended attributes with ACLs, contents, which names are links to one file,
// and that the files of b do not take much more space than those of a. The roots
// are entries too. Neither tree may change meanwhile.
//
// Memory grows with the number of files that have several links only. An error
// means that the comparison could not be finished.
func Compare(a, b string, opts Options) (Report, error) {
	w := Walker{SkipLostFound: opts.NoLostFound}
	left, err := newCursor(w, a)
	if err != nil {
		return Report{}, err
	}
	defer left.close()
	right, err := newCursor(w, b)
	if err != nil {
		return Report{}, err
	}
	defer right.close()
	if opts.Limit <= 0 {
		opts.Limit = 100
	}
	c := &comparer{Options: opts, a: left, b: right, linksA: map[file]file{}, linksB: map[file]file{}}
	if err := c.run(); err != nil {
		return c.report, fmt.Errorf("compare %q with %q: %w", b, a, err)
	}
	return c.report, nil
}

// comparer is one comparison under way.
type comparer struct {
	Options
	a, b   *cursor
	report Report
	// linksA says which file of b has the names of a file of a that has several
	// links; linksB the other way round.
	linksA, linksB map[file]file
	bufA, bufB     []byte
}

// file identifies a file, whatever its names.
type file struct{ dev, inode uint64 }

func (e Entry) file() file { return file{e.Dev, e.Inode} }

// run merges the two walks, which are in the same order.
func (c *comparer) run() error {
	moreA, moreB := c.a.next(), c.b.next()
	for c.a.err == nil && c.b.err == nil && (moreA || moreB) {
		order := 0
		switch {
		case !moreB:
			order = -1
		case !moreA:
			order = 1
		default:
			order = comparePaths(c.a.entry.Path, c.b.entry.Path)
		}
		switch {
		case order < 0:
			c.only(c.a, c.a.entry.Type(), "absent")
			moreA = c.a.next()
		case order > 0:
			c.only(c.b, "absent", c.b.entry.Type())
			moreB = c.b.next()
		default:
			if err := c.pair(); err != nil {
				return err
			}
			moreA, moreB = c.a.next(), c.b.next()
		}
	}
	if c.a.err != nil {
		return c.a.err
	}
	return c.b.err
}

// only reports an entry that one tree has, without going into it.
func (c *comparer) only(side *cursor, a, b string) {
	c.report.Entries++
	c.differ(side.entry.Path, "presence", a, b)
	side.skip()
}

// comparePaths orders paths as a walk does: by their names, one after the other.
// A slash ends a name, so it comes before every byte that a name may hold.
func comparePaths(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		x, y := a[i], b[i]
		switch {
		case x == y:
		case x == '/':
			return -1
		case y == '/':
			return 1
		case x < y:
			return -1
		default:
			return 1
		}
	}
	return cmp.Compare(len(a), len(b))
}

// pair compares two entries of the same path.
func (c *comparer) pair() error {
	a, b := &c.a.entry, &c.b.entry
	c.report.Entries++
	if a.Type() != b.Type() {
		c.differ(a.Path, "type", a.Type(), b.Type())
		c.a.skip()
		c.b.skip()
		return nil
	}
	c.attributes(a, b)
	seen := c.links(a, b)
	if !a.IsRegular() || seen {
		return nil
	}
	if a.Size == b.Size && !c.NoContent {
		if err := c.content(a); err != nil {
			return fmt.Errorf("content of %q: %w", a.Path, err)
		}
	}
	if !c.NoSparse {
		if err := c.space(a, b); err != nil {
			return fmt.Errorf("allocation of %q: %w", a.Path, err)
		}
	}
	return nil
}

func (c *comparer) attributes(a, b *Entry) {
	check := func(what string, equal bool, show func(*Entry) string) {
		if !equal {
			c.differ(a.Path, what, show(a), show(b))
		}
	}
	if !a.IsSymlink() { // a symbolic link has no mode of its own
		check("mode", a.Permissions() == b.Permissions(), func(e *Entry) string { return fmt.Sprintf("%04o", e.Permissions()) })
	}
	if !c.NoOwners {
		check("owner", a.UID == b.UID, func(e *Entry) string { return fmt.Sprint(e.UID) })
		check("group", a.GID == b.GID, func(e *Entry) string { return fmt.Sprint(e.GID) })
	}
	check("size", a.Size == b.Size, func(e *Entry) string { return fmt.Sprint(e.Size) })
	check("modification time", a.ModTime == b.ModTime, func(e *Entry) string { return e.Modified().Format("2006-01-02T15:04:05.000000000Z") })
	check("device number", a.Rdev == b.Rdev, func(e *Entry) string {
		return fmt.Sprintf("%d:%d", unix.Major(e.Rdev), unix.Minor(e.Rdev))
	})
	check("link target", a.Target == b.Target, func(e *Entry) string { return fmt.Sprintf("%q", e.Target) })
	c.xattrs(a, b)
}

// xattrs compares two sorted lists.
func (c *comparer) xattrs(a, b *Entry) {
	show := func(x Xattr) string { return fmt.Sprintf("%.64q", x.Value) }
	i, j := 0, 0
	for i < len(a.Xattrs) || j < len(b.Xattrs) {
		order := 0
		switch {
		case j == len(b.Xattrs):
			order = -1
		case i == len(a.Xattrs):
			order = 1
		default:
			order = strings.Compare(a.Xattrs[i].Name, b.Xattrs[j].Name)
		}
		switch {
		case order < 0:
			c.differ(a.Path, "xattr "+a.Xattrs[i].Name, show(a.Xattrs[i]), "absent")
			i++
		case order > 0:
			c.differ(a.Path, "xattr "+b.Xattrs[j].Name, "absent", show(b.Xattrs[j]))
			j++
		default:
			if string(a.Xattrs[i].Value) != string(b.Xattrs[j].Value) {
				c.differ(a.Path, "xattr "+a.Xattrs[i].Name, show(a.Xattrs[i]), show(b.Xattrs[j]))
			}
			i, j = i+1, j+1
		}
	}
}

// links checks that the names of one file of a are the names of one file of b,
// and reports whether the two files were compared before under other names.
func (c *comparer) links(a, b *Entry) (seen bool) {
	if !a.Linked() && !b.Linked() {
		return false
	}
	otherB, okA := c.linksA[a.file()]
	otherA, okB := c.linksB[b.file()]
	switch {
	case okA && otherB == b.file() && okB && otherA == a.file():
		return true
	case okA || okB:
		c.differ(a.Path, "hard links", linksOf(okA), linksOf(okB))
	}
	if !okA {
		c.linksA[a.file()] = b.file()
	}
	if !okB {
		c.linksB[b.file()] = a.file()
	}
	return false
}

func linksOf(seen bool) string {
	if seen {
		return "a link to a file before"
	}
	return "not a link to that file"
}
