package tree

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"

	"github.com/backube/scribe-gen/tree/at"
)

const (
	// compareBuffer is how much of each file is read at a time.
	compareBuffer = 512 << 10
	// sparseUnit is the granularity of holes that is expected of any file system.
	sparseUnit = 64 << 10
)

// content compares the current entries, files of the same size, byte by byte.
// Where both have a hole, nothing is read.
func (c *comparer) content(e *Entry) error {
	if e.Size == 0 {
		return nil
	}
	if c.bufA == nil {
		c.bufA, c.bufB = make([]byte, compareBuffer), make([]byte, compareBuffer)
	}
	return c.withFiles(func(a, b int) error {
		skipHoles := c.a.entry.Allocated() < e.Size && c.b.entry.Allocated() < e.Size
		for pos := int64(0); pos < e.Size; {
			if skipHoles {
				next, err := nextData(a, b, pos, e.Size)
				if err != nil || next >= e.Size {
					return err
				}
				pos = next
			}
			n, err := c.block(a, b, pos, e)
			if err != nil || n == 0 {
				return err
			}
			pos += int64(n)
		}
		return nil
	})
}

// block compares one block and returns its length, 0 after a difference.
func (c *comparer) block(a, b int, pos int64, e *Entry) (int, error) {
	n := int(min(e.Size-pos, compareBuffer))
	if err := readFull(a, c.bufA[:n], pos); err != nil {
		return 0, err
	}
	if err := readFull(b, c.bufB[:n], pos); err != nil {
		return 0, err
	}
	c.report.Bytes += int64(n)
	if bytes.Equal(c.bufA[:n], c.bufB[:n]) {
		return n, nil
	}
	i := 0
	for c.bufA[i] == c.bufB[i] {
		i++
	}
	where := fmt.Sprintf(" at byte %d", pos+int64(i))
	c.differ(e.Path, "content", fmt.Sprintf("%#02x%s", c.bufA[i], where), fmt.Sprintf("%#02x%s", c.bufB[i], where))
	return 0, nil
}

// space reports a file of b that takes much more space than that of a: by more
// than 64 KiB and a sixteenth. As some file systems allocate ahead, it is the
// data between the holes that decides.
func (c *comparer) space(a, b *Entry) error {
	allowed := func(used int64) int64 { return used + max(sparseUnit, used/16) }
	if b.Allocated() <= allowed(a.Allocated()) {
		return nil
	}
	return c.withFiles(func(fa, fb int) error {
		dataA, err := dataLength(fa, a.Size)
		if err != nil {
			return err
		}
		dataB, err := dataLength(fb, b.Size)
		if err != nil {
			return err
		}
		if dataB > allowed(dataA) {
			c.differ(a.Path, "allocated bytes", fmt.Sprint(a.Allocated()), fmt.Sprint(b.Allocated()))
		}
		return nil
	})
}

// withFiles opens the current entries.
func (c *comparer) withFiles(do func(a, b int) error) error {
	a, err := at.OpenFile(c.a.dir, c.a.name)
	if err != nil {
		return fmt.Errorf("open in %q: %w", c.a.root, err)
	}
	defer unix.Close(a)
	b, err := at.OpenFile(c.b.dir, c.b.name)
	if err != nil {
		return fmt.Errorf("open in %q: %w", c.b.root, err)
	}
	defer unix.Close(b)
	return do(a, b)
}

// nextData is where data begins in one of two files, at pos or after.
func nextData(a, b int, pos, size int64) (int64, error) {
	dataA, err := seekData(a, pos, size)
	if err != nil {
		return 0, err
	}
	dataB, err := seekData(b, pos, size)
	return min(dataA, dataB), err
}

// seekData is where data begins in a file, at pos or after; size if there is
// none.
func seekData(fd int, pos, size int64) (int64, error) {
	data, err := unix.Seek(fd, pos, unix.SEEK_DATA)
	switch {
	case errors.Is(err, unix.ENXIO):
		return size, nil
	case errors.Is(err, unix.EINVAL):
		return pos, nil // a file system without holes
	}
	return data, err
}

// dataLength is how many bytes of a file are data, in whole sparse units.
func dataLength(fd int, size int64) (int64, error) {
	var length, counted int64
	for pos := int64(0); pos < size; {
		data, err := seekData(fd, pos, size)
		if err != nil || data >= size {
			return length, err
		}
		hole, err := unix.Seek(fd, data, unix.SEEK_HOLE)
		if errors.Is(err, unix.EINVAL) {
			hole, err = size, nil
		}
		if err != nil {
			return 0, err
		}
		from := max(data/sparseUnit*sparseUnit, counted)
		counted = (hole + sparseUnit - 1) / sparseUnit * sparseUnit
		length += counted - from
		pos = hole
	}
	return length, nil
}

func readFull(fd int, buf []byte, pos int64) error {
	for len(buf) > 0 {
		n, err := unix.Pread(fd, buf, pos)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return err
		case n == 0:
			return fmt.Errorf("the file became shorter meanwhile: %w", io.ErrUnexpectedEOF)
		}
		buf, pos = buf[n:], pos+int64(n)
	}
	return nil
}
