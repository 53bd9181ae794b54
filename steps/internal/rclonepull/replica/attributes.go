package replica

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/backube/scribe-gen/tree"
	"github.com/backube/scribe-gen/tree/at"
	"github.com/backube/scribe-gen/tree/manifest"
)

// attributes gives an entry the owner, extended attributes, mode and times that
// the manifest says. The order matters: a change of owner clears the set-ID bits
// and file capabilities, an ACL changes the mode, and all but the last touch no
// time that the last would not set.
func (a *applier) attributes(dir int, name string, e *manifest.Entry) error {
	keeps := a.replica.Keeps
	if keeps.Owners {
		if err := unix.Fchownat(dir, name, int(e.UID), int(e.GID), unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return fmt.Errorf("set owner %d:%d: %w", e.UID, e.GID, err)
		}
	}
	if err := a.xattrs(dir, name, e); err != nil {
		return err
	}
	if !e.IsSymlink() {
		if err := unix.Fchmodat(dir, name, e.Permissions(), 0); err != nil {
			return fmt.Errorf("set mode %04o: %w", e.Permissions(), err)
		}
	}
	times := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, unix.NsecToTimespec(e.ModTime)}
	if err := unix.UtimesNanoAt(dir, name, times, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return fmt.Errorf("set modification time: %w", err)
	}
	return nil
}

// xattrs removes extended attributes that the manifest does not have, such as an
// ACL inherited from the directory, and sets the others.
func (a *applier) xattrs(dir int, name string, e *manifest.Entry) error {
	path := at.Path(dir, name)
	present, err := xattrNames(path)
	if err != nil {
		return fmt.Errorf("list extended attributes: %w", err)
	}
	if len(present) == 0 && len(e.Xattrs) == 0 {
		return nil
	}
	if !a.replica.Keeps.Owners && !e.IsSymlink() { // a mode without w forbids them
		if err := unix.Fchmodat(dir, name, e.Permissions()|0o600, 0); err != nil {
			return fmt.Errorf("set mode: %w", err)
		}
	}
	for _, x := range present {
		if slices.ContainsFunc(e.Xattrs, func(wanted tree.Xattr) bool { return wanted.Name == x }) {
			continue
		}
		if err := unix.Lremovexattr(path, x); err != nil && !errors.Is(err, unix.ENODATA) {
			return fmt.Errorf("remove extended attribute %s: %w", x, err)
		}
	}
	for _, x := range e.Xattrs {
		if err := unix.Lsetxattr(path, x.Name, x.Value, 0); err != nil {
			return fmt.Errorf("set extended attribute %s: %w", x.Name, err)
		}
	}
	return nil
}

// xattrNames returns the names of the extended attributes that travel.
func xattrNames(path string) ([]string, error) {
	buf := make([]byte, 1024)
	n, err := unix.Llistxattr(path, buf)
	if errors.Is(err, unix.ERANGE) {
		buf = make([]byte, 64<<10) // the kernel's limit
		n, err = unix.Llistxattr(path, buf)
	}
	if errors.Is(err, unix.ENOTSUP) || err == nil && n == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for name := range bytes.SplitSeq(bytes.TrimSuffix(buf[:n], []byte{0}), []byte{0}) {
		if tree.Travels(string(name)) {
			names = append(names, string(name))
		}
	}
	return names, nil
}

// disinherit removes what a new directory has of its parent, which it would pass
// on to everything that is made in it.
func disinherit(dir int, name string) error {
	path := at.Path(dir, name)
	for _, acl := range []string{"system.posix_acl_default", "system.posix_acl_access"} {
		err := unix.Lremovexattr(path, acl)
		if err != nil && !errors.Is(err, unix.ENODATA) && !errors.Is(err, unix.ENOTSUP) {
			return fmt.Errorf("remove the inherited %s: %w", acl, err)
		}
	}
	if err := unix.Fchmodat(dir, name, 0o700, 0); err != nil {
		return fmt.Errorf("set mode: %w", err)
	}
	return nil
}
