package replica

import (
	"context"
	"errors"
	"io"

	"golang.org/x/sys/unix"

	"github.com/backube/scribe-gen/tree/manifest"
)

// hash is one worker. It closes all files, also after the context has ended.
func (c *checks) hash() error {
	hasher := manifest.NewHasher()
	for check := range c.work {
		hasher.Reset()
		err := hashFile(c.ctx, hasher, check)
		check.sameContent = err == nil && hasher.Sum() == check.hash
		// What cannot be read is fetched again; only the end of the context counts.
		if c.ctx.Err() != nil {
			check.err = context.Cause(c.ctx)
		}
		_ = unix.Close(check.file)
		close(check.done)
	}
	return nil
}

// hashFile hashes the file of a check. Holes are not read.
func hashFile(ctx context.Context, hasher *manifest.Hasher, c *check) error {
	ranges := []manifest.Range{{Length: c.size}}
	if c.allocated < c.size {
		data, err := manifest.Ranges(c.file, c.size)
		if err != nil {
			return err
		}
		if data != nil {
			ranges = data
		}
	}
	pos := int64(0)
	for _, r := range ranges {
		if err := hashHole(ctx, hasher, r.Offset-pos); err != nil {
			return err
		}
		n, err := hasher.ReadFrom(io.NewSectionReader(reader{ctx, c.file}, r.Offset, r.Length))
		if err == nil && n != r.Length {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
		pos = r.End()
	}
	return hashHole(ctx, hasher, c.size-pos)
}

// hashHole hashes zeros that are not there.
func hashHole(ctx context.Context, hasher *manifest.Hasher, length int64) error {
	for length > 0 {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		n := min(length, int64(len(zeros)))
		_, _ = hasher.Write(zeros[:n])
		length -= n
	}
	return nil
}

// reader reads an open file until the context ends.
type reader struct {
	ctx context.Context
	fd  int
}

// ReadAt implements [io.ReaderAt].
func (r reader) ReadAt(p []byte, pos int64) (int, error) {
	read := 0
	for read < len(p) {
		if r.ctx.Err() != nil {
			return read, context.Cause(r.ctx)
		}
		n, err := unix.Pread(r.fd, p[read:], pos+int64(read))
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return read, err
		case n == 0:
			return read, io.EOF
		}
		read += n
	}
	return read, nil
}
