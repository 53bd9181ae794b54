package tree

import (
	"time"

	"golang.org/x/sys/unix"
)

// The names that Entry.Type returns.
const (
	TypeFile    = "file"
	TypeDir     = "directory"
	TypeSymlink = "symlink"
	TypeFIFO    = "FIFO"
	TypeSocket  = "socket"
	TypeChar    = "character device"
	TypeBlock   = "block device"
)

// Type is the entry's type in words: one of the Type constants.
func (e Entry) Type() string {
	switch e.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		return TypeFile
	case unix.S_IFDIR:
		return TypeDir
	case unix.S_IFLNK:
		return TypeSymlink
	case unix.S_IFIFO:
		return TypeFIFO
	case unix.S_IFSOCK:
		return TypeSocket
	case unix.S_IFCHR:
		return TypeChar
	case unix.S_IFBLK:
		return TypeBlock
	}
	return "unknown type"
}

// IsDir reports whether the entry is a directory.
func (e Entry) IsDir() bool { return e.Mode&unix.S_IFMT == unix.S_IFDIR }

// IsRegular reports whether the entry is a regular file.
func (e Entry) IsRegular() bool { return e.Mode&unix.S_IFMT == unix.S_IFREG }

// IsSymlink reports whether the entry is a symbolic link.
func (e Entry) IsSymlink() bool { return e.Mode&unix.S_IFMT == unix.S_IFLNK }

// IsDevice reports whether the entry is a character or block device node.
func (e Entry) IsDevice() bool {
	t := e.Mode & unix.S_IFMT
	return t == unix.S_IFCHR || t == unix.S_IFBLK
}

// Permissions are the mode's permission bits with setuid, setgid and sticky.
func (e Entry) Permissions() uint32 { return e.Mode & 0o7777 }

// Linked reports whether the entry may be one of several links to a file.
func (e Entry) Linked() bool { return e.Links > 1 && !e.IsDir() }

// Allocated is how many bytes the entry takes on its file system.
func (e Entry) Allocated() int64 { return e.Blocks * 512 }

// Modified is ModTime as a time.
func (e Entry) Modified() time.Time { return time.Unix(0, e.ModTime).UTC() }
