package tree

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/backube/scribe-gen/tree/at"
)

// Read returns the entry at path, which is relative to root. Both may have any
// length together. A missing entry is an error that wraps fs.ErrNotExist.
func Read(root, path string) (Entry, error) {
	entry, err := read(root, path)
	if err != nil {
		return Entry{}, fmt.Errorf("read %q in %q: %w", path, root, err)
	}
	entry.Path = path
	return entry, nil
}

func read(root, path string) (e Entry, err error) {
	dir, err := at.OpenRoot(root)
	if err != nil {
		return e, err
	}
	defer unix.Close(dir)
	parent, name, err := at.OpenParent(dir, path)
	if err != nil {
		return e, err
	}
	defer unix.Close(parent)
	r := reader{buf: make([]byte, 8<<10)}
	return e, r.read(parent, name, &e)
}

// reader reads entries with buffers that it keeps.
type reader struct {
	xattrs xattrReader
	status unix.Stat_t
	buf    []byte
}

// read sets everything in e but its path.
func (r *reader) read(dir int, name string, e *Entry) error {
	if err := r.stat(dir, name, e); err != nil {
		return err
	}
	return r.rest(dir, name, e)
}

// stat sets what stat(2) tells.
func (r *reader) stat(dir int, name string, e *Entry) error {
	st := &r.status
	if err := unix.Fstatat(dir, name, st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	*e = Entry{
		Mode: st.Mode, UID: st.Uid, GID: st.Gid, Blocks: st.Blocks,
		ModTime: st.Mtim.Nano(), ChangeTime: st.Ctim.Nano(), Dev: st.Dev, Inode: st.Ino, Links: uint64(st.Nlink),
	}
	switch e.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		e.Size = st.Size
	case unix.S_IFBLK, unix.S_IFCHR:
		e.Rdev = st.Rdev
	}
	return nil
}

// rest sets what else there is.
func (r *reader) rest(dir int, name string, e *Entry) (err error) {
	if e.IsSymlink() {
		n, err := unix.Readlinkat(dir, name, r.buf)
		if err != nil {
			return err
		}
		e.Target = string(r.buf[:n])
	}
	e.Xattrs, err = r.xattrs.read(dir, name)
	return err
}
