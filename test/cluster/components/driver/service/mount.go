package service

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/backube/scribe-gen/test/cluster/components/driver/backing"
)

// bind makes the directory source visible at target, which is made when absent.
// It needs Linux 5.12, whose calls make the mount appear with its final flags: a
// read-only one can be written at no time.
func bind(source, target string, readOnly bool) error {
	if err := os.MkdirAll(target, 0o750); err != nil {
		return fmt.Errorf("make target: %w", err)
	}
	mounted, err := backing.Mounted(target)
	if err != nil {
		return err
	}
	if mounted {
		return bound(source, target, readOnly)
	}
	tree, err := unix.OpenTree(unix.AT_FDCWD, source, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return fmt.Errorf("bind %s: %w", source, err)
	}
	defer unix.Close(tree)
	if readOnly {
		attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}
		if err := unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH, &attr); err != nil {
			return fmt.Errorf("make the mount of %s read-only: %w", source, err)
		}
	}
	if err := unix.MoveMount(tree, "", unix.AT_FDCWD, target, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return fmt.Errorf("bind %s to %s: %w", source, target, err)
	}
	return nil
}

// bound refuses a target at which something else is mounted than bind would.
func bound(source, target string, readOnly bool) error {
	is, err := os.Stat(target)
	if err != nil {
		return fmt.Errorf("look at target: %w", err)
	}
	want, err := os.Stat(source)
	if err != nil {
		return fmt.Errorf("look at volume: %w", err)
	}
	var st unix.Statfs_t
	if err := unix.Statfs(target, &st); err != nil {
		return fmt.Errorf("look at target %s: %w", target, err)
	}
	if !os.SameFile(is, want) || (st.Flags&unix.ST_RDONLY != 0) != readOnly {
		return status.Errorf(codes.AlreadyExists, "something else than %s (read-only: %t) is mounted at %s", source, readOnly, target)
	}
	return nil
}

// unbind undoes bind; that there is nothing is no error.
func unbind(target string) error {
	for {
		mounted, err := backing.Mounted(target)
		if err != nil {
			return err
		}
		if !mounted {
			break
		}
		if err := unix.Unmount(target, unix.UMOUNT_NOFOLLOW); err != nil {
			return fmt.Errorf("unmount %s: %w", target, err)
		}
	}
	if err := os.Remove(target); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove target: %w", err)
	}
	return nil
}
