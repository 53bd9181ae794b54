// Package tree reads file trees with every attribute that a replica must keep,
// and compares two of them. It knows nothing of how trees are moved, so that it
// can judge those who move them.
package tree

// Entry is one directory entry with everything but its content.
type Entry struct {
	// Path is relative to the root, "." for the root itself; any bytes but NUL.
	Path string
	// Mode has the type and permission bits as in stat(2) st_mode.
	Mode     uint32
	UID, GID uint32
	// Size is that of regular files, in bytes; 0 for others.
	Size int64
	// Blocks is the allocation in units of 512 bytes.
	Blocks int64
	// ModTime is in nanoseconds since the epoch.
	ModTime int64
	// ChangeTime is when the file system last changed anything of the entry, in
	// nanoseconds since the epoch. Nobody can set it, so it belongs to this tree
	// alone and is not compared.
	ChangeTime int64
	// Rdev is the device number of device nodes.
	Rdev uint64
	// Target is what a symbolic link holds.
	Target string
	// Xattrs are the extended attributes that travel, POSIX ACLs among them
	// (system.posix_acl_access, system.posix_acl_default), sorted by name.
	Xattrs []Xattr
	// Dev, Inode and Links identify hard links: regular and special files with
	// Links > 1 that share Dev and Inode are one file.
	Dev, Inode, Links uint64
}

// Xattr is one extended attribute.
type Xattr struct {
	Name  string
	Value []byte
}

// WalkFunc is called for each entry. For a directory, fs.SkipDir leaves out what
// is in it.
type WalkFunc func(Entry) error
