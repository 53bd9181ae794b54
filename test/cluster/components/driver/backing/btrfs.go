package backing

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Btrfs holds contents as subvolumes. Its copies are of one point in time and
// hold every write that was completed before; it enforces no size.
type Btrfs struct{}

// IsBtrfs reports whether path is on a btrfs file system.
func IsBtrfs(path string) (bool, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return false, fmt.Errorf("find the file system of %s: %w", path, err)
	}
	return st.Type == unix.BTRFS_SUPER_MAGIC, nil
}

// Create implements [Backing].
func (Btrfs) Create(_ context.Context, path string, _ int64) error {
	err := inParent(path, func(parent int, name string) error {
		args := volArgs{}
		copy(args.name[:], name)
		return ioctl(parent, subvolCreate, unsafe.Pointer(&args))
	})
	if err != nil {
		return fmt.Errorf("create subvolume %s: %w", path, err)
	}
	return os.Chmod(path, 0o755)
}

// Copy implements [Backing].
func (Btrfs) Copy(_ context.Context, from, to string, as Shape) error {
	source, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("copy subvolume: %w", err)
	}
	defer source.Close()
	err = inParent(to, func(parent int, name string) error {
		args := volArgsV2{fd: int64(source.Fd())}
		if as.ReadOnly {
			args.flags = subvolReadOnly
		}
		copy(args.name[:], name)
		return ioctl(parent, snapCreateV2, unsafe.Pointer(&args))
	})
	if err != nil {
		return fmt.Errorf("copy subvolume %s to %s: %w", from, to, err)
	}
	return nil
}

// Remove implements [Backing]. It also removes a plain directory.
func (Btrfs) Remove(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("remove subvolume: %w", err)
	}
	if !isSubvolume(info) {
		return Dir{}.Remove(path)
	}
	err = inParent(path, func(parent int, name string) error {
		args := volArgs{}
		copy(args.name[:], name)
		return ioctl(parent, snapDestroy, unsafe.Pointer(&args))
	})
	if errors.Is(err, unix.ENOTEMPTY) {
		// A pod made a subvolume inside: the removal of a tree removes those.
		return Dir{}.Remove(path)
	}
	if err != nil {
		return fmt.Errorf("remove subvolume %s: %w", path, err)
	}
	return nil
}

// isSubvolume tells a subvolume's root by its inode number, which no other
// directory of a btrfs file system has.
func isSubvolume(info fs.FileInfo) bool {
	const firstFreeObjectID = 256
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && info.IsDir() && st.Ino == firstFreeObjectID
}

// inParent calls do with the open parent directory of path and the name in it,
// as the ioctls want them.
func inParent(path string, do func(parent int, name string) error) error {
	parent, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer parent.Close()
	return do(int(parent.Fd()), filepath.Base(path))
}

// Requests, arguments and flags of linux/btrfs.h.
const (
	subvolCreate   = 0x5000940e
	snapDestroy    = 0x5000940f
	snapCreateV2   = 0x50009417
	subvolReadOnly = 1 << 1
)

type volArgs struct {
	_    int64
	name [4088]byte
}

type volArgsV2 struct {
	fd    int64
	_     uint64
	flags uint64
	_     [4]uint64
	name  [4040]byte
}

func ioctl(fd int, request uintptr, args unsafe.Pointer) error {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(args)); errno != 0 {
		return errno
	}
	return nil
}
