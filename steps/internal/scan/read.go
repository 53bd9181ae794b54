package scan

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/backube/scribe-gen/tree"
	"github.com/backube/scribe-gen/tree/at"
	"github.com/backube/scribe-gen/tree/manifest"
)

// Read has read take the content of a regular file, and sets Data. When the file
// was not all the time what the walk found, its attributes are looked at again and
// read is called again, a bounded number of times; in a source that is not live
// that is an error. Whoever works on items itself reads them by this.
//
// The offset of the file is its beginning.
func (it *Item) Read(ctx context.Context, read func(f *os.File) error) error {
	for n := 1; ; n++ {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		steady, err := it.readOnce(read)
		switch {
		case err != nil || steady:
			return err
		case !it.run.Live:
			return errors.New("it changed while it was read, though the source is a copy")
		case n == readings:
			it.run.unsteady.Add(1)
			it.run.Log.Warn("a file of the live source changes all the time", "path", it.Path, "readings", n)
			return nil
		}
		if err := it.refresh(); err != nil {
			return err
		}
	}
}

func (it *Item) readOnce(read func(f *os.File) error) (steady bool, err error) {
	f, err := it.Open()
	if err != nil {
		return false, err
	}
	defer func() { _ = f.Close() }()
	was := it.is(f)
	if it.Data = nil; it.Found.Allocated() < it.Size {
		if it.Data, err = manifest.Ranges(int(f.Fd()), it.Size); err != nil {
			return false, err
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return false, err
		}
	}
	if err := read(f); err != nil {
		return false, err
	}
	return was && it.is(f), nil
}

// is reports whether the open file is what was found, as it was.
func (it *Item) is(f *os.File) bool {
	var st unix.Stat_t
	if unix.Fstat(int(f.Fd()), &st) != nil {
		return false
	}
	return st.Mode == it.Found.Mode && st.Dev == it.Found.Dev && st.Ino == it.Found.Inode && st.Size == it.Found.Size &&
		st.Mtim.Nano() == it.Found.ModTime && st.Ctim.Nano() == it.Found.ChangeTime
}

// refresh looks at the file again. What is no regular file any more counts as
// vanished: the next run finds what it became.
func (it *Item) refresh() error {
	found, err := tree.Read(it.run.Root, it.Path)
	if err != nil {
		return err
	}
	if !found.IsRegular() {
		return fs.ErrNotExist
	}
	it.Found = found
	it.Entry = manifest.Of(&it.Found)
	return nil
}

// open opens a file below the root. A directory that was replaced by a symbolic
// link meanwhile does not lead out of it.
func (r *run) open(path string) (*os.File, error) {
	fd, err := unix.Openat2(r.root, path, &unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NOFOLLOW | unix.O_NONBLOCK,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS,
	})
	// Too long a path, or a kernel or sandbox without the call. It also says EAGAIN
	// when something was renamed meanwhile.
	if errors.Is(err, unix.ENAMETOOLONG) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.EAGAIN) {
		fd, err = r.openBySteps(path)
	}
	switch {
	case errors.Is(err, unix.ELOOP), errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ENXIO): // it is something else now
		return nil, fmt.Errorf("open: %w: %w", err, fs.ErrNotExist)
	case err != nil:
		return nil, fmt.Errorf("open: %w", err)
	}
	return os.NewFile(uintptr(fd), path), nil
}

func (r *run) openBySteps(path string) (int, error) {
	dir, name, err := at.OpenParent(r.root, path)
	if err != nil {
		return -1, err
	}
	defer func() { _ = unix.Close(dir) }()
	return at.OpenFile(dir, name)
}
