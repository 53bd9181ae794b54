package tree

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/backube/scribe-gen/tree/at"
)

// ErrVanished is returned, wrapped, when an entry goes away between the moment
// its name was listed and the moment it was looked at.
var ErrVanished = errors.New("vanished while it was read")

// Walk calls fn for root, whose path is ".", and for everything below it: a
// directory before what is in it, the entries of a directory sorted bytewise by
// name. It is Walker{}.Walk.
func Walk(root string, fn WalkFunc) error { return Walker{}.Walk(root, fn) }

// Walker is how a tree is walked. Memory does not grow with the number of files
// but with the length of the directories on the way to the current entry.
type Walker struct {
	// SkipLostFound leaves out the lost+found directory of the root, which
	// belongs to the file system of a volume.
	SkipLostFound bool
	// Vanished is called for entries that go away during the walk; an error ends
	// the walk. By default they end it with ErrVanished.
	Vanished func(path string) error
	// Known is called for each entry before what takes further system calls is read
	// of it: the target of a symbolic link and extended attributes. Where it returns
	// true they are left out.
	Known func(e *Entry) bool
}

// Walk calls fn for each entry of the tree.
func (w Walker) Walk(root string, fn WalkFunc) error {
	return w.Visit(root, func(e Entry, _ int, _ string) error { return fn(e) })
}

// Visit is Walk for those who need more of an entry than its attributes: fn is
// also given the open directory that holds the entry, and its name there ("."
// for the root). The directory is closed after the call.
func (w Walker) Visit(root string, fn func(e Entry, dir int, name string) error) error {
	c, err := newCursor(w, root)
	if err != nil {
		return err
	}
	defer c.close()
	for c.next() {
		err := fn(c.entry, c.dir, c.name)
		if err != nil && errors.Is(err, fs.SkipDir) {
			c.skip()
		} else if err != nil {
			return err
		}
	}
	return c.err
}

// cursor walks a tree one entry at a time, in the order of Walk, so that two
// trees can be walked side by side.
type cursor struct {
	Walker
	root   string
	reader reader
	stack  []frame
	// entry is the current one, name its name in the open directory dir.
	entry Entry
	dir   int
	name  string
	// enter is set while entry is a directory that is walked next.
	enter bool
	err   error
}

// frame is an open directory and the names in it that are still to come.
type frame struct {
	dir   int
	path  string
	names []string
}

func newCursor(w Walker, root string) (*cursor, error) {
	dir, err := at.OpenRoot(root)
	if err != nil {
		return nil, fmt.Errorf("walk %q: open: %w", root, err)
	}
	c := &cursor{Walker: w, root: root, stack: []frame{{dir: dir, path: ".", names: []string{"."}}}}
	c.reader.buf = make([]byte, 32<<10)
	return c, nil
}

func (c *cursor) close() {
	for _, f := range c.stack {
		_ = unix.Close(f.dir)
	}
	c.stack = nil
}

// skip leaves out what is in the current directory.
func (c *cursor) skip() { c.enter = false }

// next goes to the next entry; it returns false at the end and after an error.
func (c *cursor) next() bool {
	if c.enter {
		c.enter = false
		if c.err = c.tolerate(c.entry.Path, c.push()); c.err != nil {
			return false
		}
	}
	for len(c.stack) > 0 {
		top := &c.stack[len(c.stack)-1]
		if len(top.names) == 0 {
			_ = unix.Close(top.dir)
			c.stack = c.stack[:len(c.stack)-1]
			continue
		}
		c.dir, c.name, top.names = top.dir, top.names[0], top.names[1:]
		path := join(top.path, c.name)
		err := c.read(path)
		if err == nil {
			c.enter = c.entry.IsDir()
			return true
		}
		if c.err = c.tolerate(path, err); c.err != nil {
			return false
		}
	}
	return false
}

// read reads the current entry.
func (c *cursor) read(path string) error {
	if err := c.reader.stat(c.dir, c.name, &c.entry); err != nil {
		return err
	}
	c.entry.Path = path
	if c.Known != nil && c.Known(&c.entry) {
		return nil
	}
	return c.reader.rest(c.dir, c.name, &c.entry)
}

// push opens the current directory and makes its names the next ones.
func (c *cursor) push() error {
	dir, err := at.OpenDir(c.dir, c.name)
	if err != nil {
		return err
	}
	names, err := at.Names(dir, c.reader.buf, nil)
	if err != nil {
		_ = unix.Close(dir)
		return err
	}
	if c.SkipLostFound && c.entry.Path == "." {
		names = slices.DeleteFunc(names, func(name string) bool { return name == "lost+found" })
	}
	slices.Sort(names)
	c.stack = append(c.stack, frame{dir: dir, path: c.entry.Path, names: names})
	return nil
}

// tolerate says what an error at path means for the walk.
func (c *cursor) tolerate(path string, err error) error {
	switch {
	case err == nil:
		return nil
	case !errors.Is(err, unix.ENOENT):
		return fmt.Errorf("walk %q: %q: %w", c.root, path, err)
	case c.Vanished != nil:
		return c.Vanished(path)
	}
	return fmt.Errorf("walk %q: %q: %w", c.root, path, ErrVanished)
}

func join(dir, name string) string {
	if dir == "." {
		return name
	}
	return dir + "/" + name
}
