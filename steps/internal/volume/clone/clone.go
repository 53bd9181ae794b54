// Package clone copies a file tree on this host with every attribute. Unlike
// cp it copes with paths of any length and with files that vanish from a live
// volume, and it ends with the process that uses it. Blocks are shared with the
// source where the file system can (reflink); holes stay holes.
package clone

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"

	"golang.org/x/sys/unix"

	"github.com/backube/scribe-gen/tree/at"
)

// Options are how a tree is copied.
type Options struct {
	// Live is set when the source may change meanwhile: entries that vanish are
	// left out instead of failing the copy.
	Live bool
}

// Stats says what a copy held.
type Stats struct {
	// Entries is the number of directory entries, without the root; Bytes the
	// size of the regular files.
	Entries, Bytes int64
	// Vanished is how many entries of a live volume went away before they were
	// copied.
	Vanished int64
	// Owners and Xattrs count the entries whose owner or group, or an extended
	// attribute, could not be kept because this process may not set it. Both are
	// 0 for root.
	Owners, Xattrs int64
}

// Tree copies what is in the directory src, and the attributes of src itself,
// to the empty directory dst. The lost+found directory of src is left out: it
// belongs to the file system. After an error, dst holds a part of the tree.
//
// dst is readable by this user alone until all is in it.
func Tree(ctx context.Context, src, dst string, opts Options) (Stats, error) {
	from, err := at.OpenRoot(src)
	if err != nil {
		return Stats{}, fmt.Errorf("open directory %s: %w", src, err)
	}
	defer unix.Close(from)
	to, err := at.OpenRoot(dst)
	if err != nil {
		return Stats{}, fmt.Errorf("open directory %s: %w", dst, err)
	}
	defer unix.Close(to)
	c := &copier{
		Options: opts, ctx: ctx, root: to, links: map[inode]string{},
		buf: make([]byte, bufferSize), privileged: os.Geteuid() == 0,
	}
	if err := c.tree(from, to); err != nil {
		return c.stats, fmt.Errorf("copy %s to %s: %w", src, dst, err)
	}
	return c.stats, nil
}

// copier is one copy under way.
type copier struct {
	Options
	ctx   context.Context
	stats Stats
	// root is the directory that is copied to.
	root int
	// links are where files with several links were copied to first.
	links map[inode]string
	// privileged users are not forgiven when an attribute cannot be set.
	privileged bool
	// noReflink is set once the file systems refused to share blocks.
	noReflink bool
	buf       []byte
}

type inode struct{ dev, ino uint64 }

// entry is one entry while it is copied: name in the open directories from and
// to, path for messages and links.
type entry struct {
	from, to   int
	name, path string
	stat       unix.Stat_t
}

func (c *copier) tree(from, to int) error {
	root := &entry{from: from, to: to, name: ".", path: "."}
	if err := unix.Fstat(from, &root.stat); err != nil {
		return err
	}
	if err := private(to); err != nil {
		return err
	}
	if err := c.children(root.path, from, to); err != nil {
		return err
	}
	return c.attributes(root)
}

// private undoes what the new directory inherited from its parent: a default
// ACL or the setgid bit would be passed on to everything in it.
func private(dir int) error {
	for _, acl := range []string{"system.posix_acl_default", "system.posix_acl_access"} {
		err := unix.Fremovexattr(dir, acl)
		if err != nil && !errors.Is(err, unix.ENODATA) && !errors.Is(err, unix.ENOTSUP) {
			return fmt.Errorf("remove the inherited %s: %w", acl, err)
		}
	}
	return unix.Fchmod(dir, 0o700)
}

// children copies what is in the open directory from to the open directory to.
func (c *copier) children(dir string, from, to int) error {
	names, err := at.Names(from, c.buf, nil)
	if err != nil {
		return fmt.Errorf("list %q: %w", dir, err)
	}
	for _, name := range names {
		if dir == "." && name == "lost+found" {
			continue
		}
		if err := context.Cause(c.ctx); err != nil {
			return err
		}
		e := entry{from: from, to: to, name: name, path: path.Join(dir, name)}
		if err := c.entry(e); err != nil {
			return err
		}
	}
	return nil
}

// entry copies one entry and, of a directory, what is in it. An entry of a live
// volume that becomes one of another type while it is opened is looked at again.
func (c *copier) entry(e entry) error {
	for {
		err := c.attempt(&e)
		switch {
		case c.Live && errors.Is(err, errChanged):
			continue
		case c.Live && errors.Is(err, unix.ENOENT):
			c.stats.Vanished++
			return nil
		case err != nil:
			return fmt.Errorf("copy %q: %w", e.path, err)
		}
		return nil
	}
}

// errChanged says that an entry is no longer of the type it had; nothing has
// been made yet.
var errChanged = errors.New("changed its type while it was copied")

func (c *copier) attempt(e *entry) error {
	if err := unix.Fstatat(e.from, e.name, &e.stat, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	linked, err := c.link(e)
	if linked || err != nil {
		return err
	}
	switch e.stat.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		return c.directory(e)
	case unix.S_IFREG:
		err = c.regular(e)
	case unix.S_IFLNK:
		err = c.symlink(e)
	default:
		err = c.special(e)
	}
	if err != nil {
		return err
	}
	if err := c.attributes(e); err != nil {
		if errors.Is(err, unix.ENOENT) {
			_ = unix.Unlinkat(e.to, e.name, 0) // vanished before all was known of it
		}
		return err
	}
	c.remember(e)
	c.stats.Entries++
	return nil
}

// directory copies a directory. Once it is open it is kept, even when the
// source's goes away.
func (c *copier) directory(e *entry) error {
	from, err := at.OpenDir(e.from, e.name)
	if errors.Is(err, unix.ENOTDIR) {
		return errChanged
	}
	if err != nil {
		return err
	}
	defer unix.Close(from)
	if err := unix.Mkdirat(e.to, e.name, 0o700); err != nil {
		return fmt.Errorf("create directory: %w", err)
	}
	to, err := at.OpenDir(e.to, e.name)
	if err != nil {
		return fmt.Errorf("open new directory: %w", err)
	}
	defer unix.Close(to)
	c.stats.Entries++
	if err := c.children(e.path, from, to); err != nil {
		return err
	}
	// Last, as its times change with what is put into it.
	return c.attributes(&entry{from: from, to: to, name: ".", path: e.path, stat: e.stat})
}
