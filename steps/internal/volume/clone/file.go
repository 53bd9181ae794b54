package clone

import (
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"

	"github.com/backube/scribe-gen/tree/at"
)

const (
	bufferSize = 1 << 20
	// chunk bounds one copy_file_range, so that a cancelled copy ends soon.
	chunk = 64 << 20
)

// regular copies the content of a file.
func (c *copier) regular(e *entry) error {
	src, err := at.OpenFile(e.from, e.name)
	if errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENXIO) {
		return errChanged // a symbolic link or a socket now
	}
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	defer unix.Close(src)
	// The name may lead to another file by now: all that follows is of this one.
	if err := unix.Fstat(src, &e.stat); err != nil {
		return err
	}
	if e.stat.Mode&unix.S_IFMT != unix.S_IFREG {
		return errChanged
	}
	dst, err := unix.Openat(e.to, e.name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return fmt.Errorf("create: %w", err)
	}
	err = c.content(src, dst, &e.stat)
	if closing := unix.Close(dst); err == nil {
		err = closing
	}
	c.stats.Bytes += e.stat.Size
	return err
}

// content makes dst hold what src holds, by sharing its blocks if possible.
func (c *copier) content(src, dst int, st *unix.Stat_t) error {
	if st.Size == 0 {
		return nil
	}
	if !c.noReflink {
		if unix.IoctlFileClone(dst, src) == nil {
			return nil
		}
		c.noReflink = true
	}
	if st.Blocks*512 >= st.Size {
		return c.span(src, dst, 0, st.Size)
	}
	if err := c.extents(src, dst, st.Size); err != nil {
		return err
	}
	return unix.Ftruncate(dst, st.Size)
}

// extents copies the data of a file with holes and leaves the holes.
func (c *copier) extents(src, dst int, size int64) error {
	for pos := int64(0); pos < size; {
		data, err := unix.Seek(src, pos, unix.SEEK_DATA)
		switch {
		case errors.Is(err, unix.ENXIO):
			return nil // a hole up to the end
		case errors.Is(err, unix.EINVAL):
			return c.span(src, dst, pos, size) // no holes in this file system
		case err != nil:
			return fmt.Errorf("find data: %w", err)
		}
		hole, err := unix.Seek(src, data, unix.SEEK_HOLE)
		if err != nil {
			return fmt.Errorf("find hole: %w", err)
		}
		if err := c.span(src, dst, data, min(hole, size)); err != nil {
			return err
		}
		pos = hole
	}
	return nil
}

// span copies the bytes from pos up to end, or up to the end of a file that
// became shorter meanwhile.
func (c *copier) span(src, dst int, pos, end int64) error {
	if end-pos > int64(len(c.buf)) {
		var err error
		if pos, err = c.inKernel(src, dst, pos, end); err != nil {
			return err
		}
	}
	for pos < end {
		if err := context.Cause(c.ctx); err != nil {
			return err
		}
		n, err := unix.Pread(src, c.buf[:min(int64(len(c.buf)), end-pos)], pos)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read: %w", err)
		}
		if n == 0 {
			return unix.Ftruncate(dst, end)
		}
		if err := writeAt(dst, c.buf[:n], pos); err != nil {
			return err
		}
		pos += int64(n)
	}
	return nil
}

// inKernel copies as much as the kernel will without the data passing through
// this process and returns how far it came.
func (c *copier) inKernel(src, dst int, pos, end int64) (int64, error) {
	for pos < end {
		if err := context.Cause(c.ctx); err != nil {
			return pos, err
		}
		in, out := pos, pos
		n, err := unix.CopyFileRange(src, &in, dst, &out, int(min(end-pos, chunk)), 0)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT), errors.Is(err, unix.EIO):
			return pos, err
		case err != nil || n == 0:
			return pos, nil // not between these file systems
		}
		pos += int64(n)
	}
	return pos, nil
}

func writeAt(fd int, b []byte, pos int64) error {
	for len(b) > 0 {
		n, err := unix.Pwrite(fd, b, pos)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("write: %w", err)
		}
		if n == 0 {
			return io.ErrShortWrite
		}
		b, pos = b[n:], pos+int64(n)
	}
	return nil
}
