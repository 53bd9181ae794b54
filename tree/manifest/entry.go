package manifest

import (
	"bytes"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/backube/scribe-gen/tree"
)

// Entry is one directory entry: what it is, its content by its hash, and where
// that is kept.
type Entry struct {
	// Path is relative to the root of the tree, "." for the root itself: names
	// of any bytes but NUL and the slash between them, none of them "." or "..".
	Path string
	// Mode has the type and permission bits as in stat(2) st_mode.
	Mode     uint32
	UID, GID uint32
	// Size is that of regular files, in bytes; 0 for others.
	Size int64
	// ModTime is in nanoseconds since the epoch.
	ModTime int64
	// Rdev is the device number of device nodes; 0 for others.
	Rdev uint64
	// Target is what a symbolic link holds; empty for others.
	Target string
	// Xattrs are the extended attributes, POSIX ACLs among them, sorted by name.
	Xattrs []tree.Xattr
	// Link is the path of another name of the same file, the first one in the
	// order of the manifest; empty for that first name itself and for what has
	// one name only. All else that counts is repeated in every name.
	Link string
	// Hash is of the content of a regular file. Zero means that nobody knows it.
	Hash Hash

	// What follows is not part of the digest.

	// Data are the ranges of a file with holes that hold data, in their order;
	// nil for a file without holes, and not nil but empty for one that is a hole
	// from end to end.
	Data []Range
	// Layer names the push that stored the content in an object store; Object is
	// the object's name there, empty when it follows from Path.
	Layer, Object string
	// Inode and ChangeTime, in nanoseconds since the epoch, are those of the
	// entry in the tree that was read. They say whether it changed since.
	Inode      uint64
	ChangeTime int64
}

// Of makes an Entry of what was read of a tree: everything but Link, Hash, Data
// and where the content is kept. It shares the extended attributes with e. The
// permission bits of symbolic links, which mean nothing and differ between file
// systems, are set to 0777.
func Of(e *tree.Entry) Entry {
	mode := e.Mode
	if e.IsSymlink() {
		mode |= 0o777
	}
	return Entry{
		Path: e.Path, Mode: mode, UID: e.UID, GID: e.GID, Size: e.Size, ModTime: e.ModTime, Rdev: e.Rdev,
		Target: e.Target, Xattrs: e.Xattrs, Inode: e.Inode, ChangeTime: e.ChangeTime,
	}
}

// IsRegular reports whether the entry is a regular file.
func (e *Entry) IsRegular() bool { return e.Mode&unix.S_IFMT == unix.S_IFREG }

// IsDir reports whether the entry is a directory.
func (e *Entry) IsDir() bool { return e.Mode&unix.S_IFMT == unix.S_IFDIR }

// IsSymlink reports whether the entry is a symbolic link.
func (e *Entry) IsSymlink() bool { return e.Mode&unix.S_IFMT == unix.S_IFLNK }

// IsDevice reports whether the entry is a character or block device node.
func (e *Entry) IsDevice() bool {
	t := e.Mode & unix.S_IFMT
	return t == unix.S_IFCHR || t == unix.S_IFBLK
}

// IsSpecial reports whether the entry is a device node, a FIFO or a socket.
func (e *Entry) IsSpecial() bool { return !e.IsRegular() && !e.IsDir() && !e.IsSymlink() }

// Permissions are the mode's permission bits with setuid, setgid and sticky.
func (e *Entry) Permissions() uint32 { return e.Mode & 0o7777 }

// SameAttributes reports whether two entries agree in everything that counts for
// the digest but the hash.
func (e *Entry) SameAttributes(o *Entry) bool {
	return e.Path == o.Path && e.Mode == o.Mode && e.UID == o.UID && e.GID == o.GID && e.Size == o.Size &&
		e.ModTime == o.ModTime && e.Rdev == o.Rdev && e.Target == o.Target && e.Link == o.Link &&
		slices.EqualFunc(e.Xattrs, o.Xattrs, func(a, b tree.Xattr) bool {
			return a.Name == b.Name && bytes.Equal(a.Value, b.Value)
		})
}

// Same reports whether two entries agree in everything that counts for the
// digest.
func (e *Entry) Same(o *Entry) bool { return e.Hash == o.Hash && e.SameAttributes(o) }

// Range is a part of a file, in bytes.
type Range struct{ Offset, Length int64 }

// End is where the range ends: the offset of the byte after it.
func (r Range) End() int64 { return r.Offset + r.Length }
