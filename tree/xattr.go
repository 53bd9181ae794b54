package tree

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/backube/scribe-gen/tree/at"
)

// Travels reports whether the extended attribute belongs to the data, and so to
// every copy of it. security.selinux does not: it is the label that a node's
// policy gives to the file. Nor do system.* attributes other than POSIX ACLs,
// which file systems make up.
func Travels(xattr string) bool {
	switch {
	case xattr == "security.selinux":
		return false
	case strings.HasPrefix(xattr, "system."):
		return strings.HasPrefix(xattr, "system.posix_acl_")
	}
	return true
}

// xattrReader reads extended attributes with buffers that it keeps.
type xattrReader struct {
	names, value []byte
	// byPath is set once listxattrat(2), which Linux has since 6.13, was refused.
	byPath bool
}

// read returns the attributes of an entry, which may be a symbolic link, that
// travel and that this process may read, sorted by name.
func (r *xattrReader) read(dir int, name string) ([]Xattr, error) {
	list, err := r.list(dir, name)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	path := at.Path(dir, name)
	var xattrs []Xattr
	for key := range bytes.SplitSeq(bytes.TrimSuffix(list, []byte{0}), []byte{0}) {
		if !Travels(string(key)) {
			continue
		}
		value, err := r.get(path, string(key))
		switch {
		case errors.Is(err, unix.ENODATA), errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
			continue // removed meanwhile, or only root may read it
		case err != nil:
			return nil, err
		}
		xattrs = append(xattrs, Xattr{Name: string(key), Value: bytes.Clone(value)})
	}
	slices.SortFunc(xattrs, func(a, b Xattr) int { return strings.Compare(a.Name, b.Name) })
	return xattrs, nil
}

// list returns the names, each ended by a zero byte. Most entries have none, so
// this is what counts: listxattrat needs no path through /proc, which takes as
// long as the rest together.
func (r *xattrReader) list(dir int, name string) ([]byte, error) {
	if !r.byPath {
		n, err := fill(&r.names, func(b []byte) (int, error) { return listxattrat(dir, name, b) })
		if !errors.Is(err, unix.ENOSYS) && !errors.Is(err, unix.EPERM) {
			return r.names[:n], notSupported(err)
		}
		r.byPath = true
	}
	path := at.Path(dir, name)
	n, err := fill(&r.names, func(b []byte) (int, error) { return unix.Llistxattr(path, b) })
	return r.names[:n], notSupported(err)
}

// notSupported forgives file systems without extended attributes.
func notSupported(err error) error {
	if errors.Is(err, unix.ENOTSUP) {
		return nil
	}
	return err
}

func listxattrat(dir int, name string, buf []byte) (int, error) {
	path, err := unix.BytePtrFromString(name)
	if err != nil {
		return 0, err
	}
	n, _, errno := unix.Syscall6(unix.SYS_LISTXATTRAT, uintptr(dir), uintptr(unsafe.Pointer(path)),
		unix.AT_SYMLINK_NOFOLLOW, uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)), 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

func (r *xattrReader) get(path, name string) ([]byte, error) {
	n, err := fill(&r.value, func(b []byte) (int, error) { return unix.Lgetxattr(path, name, b) })
	return r.value[:n], err
}

// fill calls read with a buffer that grows until what is read fits; the kernel
// limits both lists and values to 64 KiB.
func fill(buf *[]byte, read func([]byte) (int, error)) (int, error) {
	if len(*buf) == 0 {
		*buf = make([]byte, 1024)
	}
	for {
		n, err := read(*buf)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.ERANGE) && len(*buf) < 1<<20:
			*buf = make([]byte, 2*len(*buf))
		case err != nil:
			return 0, err
		default:
			return n, nil
		}
	}
}
