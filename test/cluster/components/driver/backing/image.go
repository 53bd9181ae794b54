package backing

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strconv"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// ImageSuffix follows the path of contents in the name of their image file.
const ImageSuffix = ".ext4"

// MinImageSize is the smallest image in bytes: an ext4 file system below it has
// no room for a journal.
const MinImageSize = 4 << 20

// Image holds contents as ext4 images in sparse files, path+[ImageSuffix]. Those
// of a volume are loop-mounted at path; a snapshot is the file alone. The size is
// enforced: a full one answers ENOSPC. Copies are of one point in time; on a file
// system without reflinks the volume stands still while they are made.
type Image struct{}

// Create implements [Backing].
func (i Image) Create(ctx context.Context, path string, size int64) error {
	file := path + ImageSuffix
	// Without discard and initialisation the file stays sparse.
	err := run(ctx, "mkfs.ext4", "-q", "-F", "-m", "0",
		"-E", "lazy_itable_init=1,lazy_journal_init=1,nodiscard,root_owner=0:0",
		file, strconv.FormatInt(size/1024, 10)+"k")
	if err != nil {
		return fmt.Errorf("create image %s: %w", file, err)
	}
	return i.Attach(ctx, path)
}

// Copy implements [Backing].
func (i Image) Copy(ctx context.Context, from, to string, as Shape) error {
	if err := i.copyFile(ctx, from, to+ImageSuffix); err != nil {
		return fmt.Errorf("copy image of %s: %w", from, err)
	}
	if as.ReadOnly {
		return nil
	}
	if err := i.grow(ctx, to+ImageSuffix, as.Size); err != nil {
		return fmt.Errorf("grow image of %s: %w", to, err)
	}
	return i.Attach(ctx, to)
}

// copyFile copies the image of from. A mounted one is frozen meanwhile: all
// completed writes are in the file then, and it needs no journal recovery.
func (Image) copyFile(ctx context.Context, from, file string) (err error) {
	mounted, err := Mounted(from)
	if err != nil {
		return err
	}
	if mounted {
		if err := freeze(from); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, thaw(from)) }()
	}
	return run(ctx, "cp", "--reflink=auto", "--", from+ImageSuffix, file)
}

// grow makes an unmounted image and its file system that large, if they are
// smaller. Growing a mounted one would be quicker, but takes CAP_SYS_RESOURCE,
// which not every root has.
func (Image) grow(ctx context.Context, file string, size int64) error {
	info, err := os.Stat(file)
	if err != nil || info.Size() >= size {
		return err
	}
	// The copy of a mounted file system counts as in use until it is checked.
	err = run(ctx, "e2fsck", "-f", "-p", file)
	const corrected = 1
	var exit *exec.ExitError
	if err != nil && !(errors.As(err, &exit) && exit.ExitCode() == corrected) {
		return err
	}
	if err := os.Truncate(file, size); err != nil {
		return err
	}
	return run(ctx, "resize2fs", file)
}

// Attach implements [Attacher]. It also thaws what a driver that was killed while
// it copied left frozen.
func (Image) Attach(ctx context.Context, path string) error {
	mounted, err := Mounted(path)
	if err != nil {
		return err
	}
	if mounted {
		return thaw(path)
	}
	if err := os.Mkdir(path, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("mount image: %w", err)
	}
	// Inode tables that are read as zero from holes need no initialisation.
	return run(ctx, "mount", "-t", "ext4", "-o", "loop,noinit_itable", path+ImageSuffix, path)
}

// Remove implements [Backing].
func (Image) Remove(path string) error {
	mounted, err := Mounted(path)
	if err != nil {
		return err
	}
	if mounted {
		// Someone who still reads it keeps the device, not the path.
		err := errors.Join(thaw(path), unix.Unmount(path, unix.MNT_DETACH))
		if err != nil {
			return fmt.Errorf("unmount %s: %w", path, err)
		}
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("remove mount point: %w", err)
		}
	}
	if err := os.Remove(path + ImageSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove image: %w", err)
	}
	return nil
}

// Mounted reports whether path is a mount point; an absent path is none.
func Mounted(path string) (bool, error) {
	mounted, err := mountinfo.Mounted(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("is %s a mount point: %w", path, err)
	}
	return mounted, nil
}
