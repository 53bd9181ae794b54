package objectstore

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/backube/scribe-gen/tree/manifest"
)

// source is a file on its way into the store. It hashes what passes by, and
// fails where the file is shorter or longer than it was said to be.
type source struct {
	ctx   context.Context
	store *Store
	in    io.Reader
	left  int64
	blake *manifest.Hasher
	md5   hash.Hash // nil: not needed
	err   error     // why it failed, whatever became of that on the way through rclone
}

func (r *source) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	if r.left == 0 {
		if err := r.end(); err != nil {
			return 0, err
		}
		return 0, io.EOF
	}
	n, err := r.in.Read(p[:min(int64(len(p)), r.left, maxBurst)])
	r.left -= int64(n)
	_, _ = r.blake.Write(p[:n])
	if r.md5 != nil {
		_, _ = r.md5.Write(p[:n])
	}
	r.store.bytes.Add(int64(n))
	switch {
	case errors.Is(err, io.EOF) && r.left > 0:
		r.err = fmt.Errorf("%w: it is %d bytes shorter than it was", ErrChanged, r.left)
	case errors.Is(err, io.EOF):
		err = nil
	case err != nil:
		r.err = err
	}
	if r.err == nil {
		r.err = r.store.wait(r.ctx, n)
	}
	return n, r.err
}

// end must be called after the last byte was taken: rclone may not ask for
// more.
func (r *source) end() error {
	if r.err != nil {
		return r.err
	}
	if r.left > 0 {
		r.err = fmt.Errorf("rclone left %d bytes", r.left)
		return r.err
	}
	var one [1]byte
	switch n, err := r.in.Read(one[:]); {
	case n > 0:
		r.err = fmt.Errorf("%w: it is longer than it was", ErrChanged)
	case err != nil && !errors.Is(err, io.EOF):
		r.err = err
	}
	return r.err
}

// wait takes n bytes of the allowed bandwidth.
func (s *Store) wait(ctx context.Context, n int) error {
	if s.limit == nil {
		return nil
	}
	for n > 0 {
		now := min(n, s.limit.Burst())
		if err := s.limit.WaitN(ctx, now); err != nil {
			return fmt.Errorf("wait for bandwidth: %w", err)
		}
		n -= now
	}
	return nil
}
