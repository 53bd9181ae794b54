package clone

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/backube/scribe-gen/tree/at"
)

// symlink makes a symbolic link that holds the same bytes.
func (c *copier) symlink(e *entry) error {
	n, err := unix.Readlinkat(e.from, e.name, c.buf)
	if errors.Is(err, unix.EINVAL) {
		return errChanged
	}
	if err != nil {
		return fmt.Errorf("read link: %w", err)
	}
	return unix.Symlinkat(string(c.buf[:n]), e.to, e.name)
}

// special makes a FIFO, a socket or a device node.
func (c *copier) special(e *entry) error {
	err := unix.Mknodat(e.to, e.name, e.stat.Mode&unix.S_IFMT|0o600, int(e.stat.Rdev))
	if errors.Is(err, unix.EPERM) {
		return fmt.Errorf("create a device node, which takes the capability MKNOD: %w", err)
	}
	return err
}

// link makes a further link to a file that was copied before, if e is one.
func (c *copier) link(e *entry) (bool, error) {
	if !hasLinks(e.stat) {
		return false, nil
	}
	first, ok := c.links[inode{e.stat.Dev, e.stat.Ino}]
	if !ok {
		return false, nil
	}
	dir, name, err := at.OpenParent(c.root, first)
	if err != nil {
		return false, fmt.Errorf("open the directory of %q: %w", first, err)
	}
	defer unix.Close(dir)
	if err := unix.Linkat(dir, name, e.to, e.name, 0); err != nil {
		return false, fmt.Errorf("link to %q: %w", first, err)
	}
	c.stats.Entries++
	return true, nil
}

func (c *copier) remember(e *entry) {
	if hasLinks(e.stat) {
		c.links[inode{e.stat.Dev, e.stat.Ino}] = e.path
	}
}

func hasLinks(st unix.Stat_t) bool { return st.Nlink > 1 && st.Mode&unix.S_IFMT != unix.S_IFDIR }
