package clone

import (
	"bytes"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/backube/scribe-gen/tree"
	"github.com/backube/scribe-gen/tree/at"
)

// attributes gives the copy of e the source's owner, extended attributes, mode
// and times. The order matters: a change of owner clears the setuid bit and
// file capabilities, a mode without w forbids attributes, and all but the last
// touch no time that the last would not set.
func (c *copier) attributes(e *entry) error {
	mode := e.stat.Mode & 0o7777
	owned, err := c.owner(e)
	if err != nil {
		return err
	}
	if !owned {
		mode &^= unix.S_ISUID | unix.S_ISGID // they would lend this user's rights
	}
	if err := c.xattrs(e); err != nil {
		return err
	}
	if e.stat.Mode&unix.S_IFMT != unix.S_IFLNK {
		if err := unix.Fchmodat(e.to, e.name, mode, 0); err != nil {
			return fmt.Errorf("set mode: %w", err)
		}
	}
	times := []unix.Timespec{e.stat.Atim, e.stat.Mtim}
	if err := unix.UtimesNanoAt(e.to, e.name, times, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return fmt.Errorf("set times: %w", err)
	}
	return nil
}

// owner sets user and group and reports whether it could.
func (c *copier) owner(e *entry) (bool, error) {
	err := unix.Fchownat(e.to, e.name, int(e.stat.Uid), int(e.stat.Gid), unix.AT_SYMLINK_NOFOLLOW)
	if errors.Is(err, unix.EPERM) && !c.privileged {
		c.stats.Owners++
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("set owner %d:%d: %w", e.stat.Uid, e.stat.Gid, err)
	}
	return true, nil
}

// xattrs copies the extended attributes that travel.
func (c *copier) xattrs(e *entry) error {
	from, to := at.Path(e.from, e.name), at.Path(e.to, e.name)
	// The list comes first in the buffer, a value behind it: neither is larger
	// than 64 KiB. Asked for that much, the kernel would allocate it each time.
	n, err := unix.Llistxattr(from, c.buf[:1024])
	if errors.Is(err, unix.ERANGE) {
		n, err = unix.Llistxattr(from, c.buf[:bufferSize/2])
	}
	if errors.Is(err, unix.ENOTSUP) || n == 0 && err == nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("list extended attributes: %w", err)
	}
	lost := false
	for name := range bytes.SplitSeq(bytes.TrimSuffix(c.buf[:n], []byte{0}), []byte{0}) {
		if !tree.Travels(string(name)) {
			continue
		}
		kept, err := c.xattr(from, to, string(name), c.buf[bufferSize/2:])
		if err != nil {
			return fmt.Errorf("extended attribute %s: %w", name, err)
		}
		lost = lost || !kept
	}
	if lost {
		c.stats.Xattrs++
	}
	return nil
}

func (c *copier) xattr(from, to, name string, buf []byte) (kept bool, err error) {
	n, err := unix.Lgetxattr(from, name, buf)
	if errors.Is(err, unix.ENODATA) {
		return true, nil
	}
	if err == nil {
		err = unix.Lsetxattr(to, name, buf[:n], 0)
	}
	if !c.privileged && (errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES)) {
		return false, nil
	}
	return err == nil, err
}
