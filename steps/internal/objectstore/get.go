package objectstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/rclone/rclone/fs"
)

// Get reads content: length bytes from offset, or all from there on when length
// is negative. Layer, object and path are those of the entry. A connection that
// breaks is taken up again. The error, of Get or of reading, wraps ErrGone
// where the object is not there. The caller checks what it reads against the
// manifest, and closes.
func (s *Store) Get(ctx context.Context, layer, object, path string, offset, length int64) (io.ReadCloser, error) {
	name, err := at(layer, object, path)
	if err != nil {
		return nil, err
	}
	if length == 0 {
		return io.NopCloser(bytes.NewReader(nil)), nil
	}
	return s.read(ctx, name, offset, length)
}

// Manifest reads a manifest, compressed as it was stored. The caller closes.
func (s *Store) Manifest(ctx context.Context, name string) (io.ReadCloser, error) {
	if !isComponent(name) {
		return nil, fmt.Errorf("%.200q is no name of a manifest", name)
	}
	return s.read(ctx, dirManifests+"/"+name+manifestSuffix, 0, -1)
}

func (s *Store) read(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	r := &reader{ctx: ctx, store: s, name: name, offset: offset, end: -1, tries: fs.GetConfig(s.settings).LowLevelRetries}
	if length >= 0 {
		r.end = offset + length
	}
	if err := r.open(); err != nil {
		return nil, err
	}
	return r, nil
}

// reader is an object that is being read.
type reader struct {
	ctx    context.Context
	store  *Store
	name   string
	in     io.ReadCloser
	offset int64 // of what is read next
	end    int64 // -1: where the object ends
	tries  int
	failed error // came with the last bytes
}

// open begins to read at the offset.
func (r *reader) open() error {
	s, ctx := r.store, r.store.Context(r.ctx)
	f := s.backend.Fs
	var options []fs.OpenOption
	if r.offset > 0 || r.end >= 0 {
		var err error
		if f, err = s.backend.ranged(); err != nil {
			return err
		}
		options = append(options, &fs.RangeOption{Start: r.offset, End: max(r.end-1, -1)})
	}
	o, err := f.NewObject(ctx, r.name)
	if err == nil {
		r.in, err = o.Open(ctx, options...)
	}
	if isNotFound(err) {
		return fmt.Errorf("%s in %s: %w", r.name, s.name, ErrGone)
	}
	return s.failed(err, "read %s in %s", r.name, s.name)
}

func (r *reader) Read(p []byte) (int, error) {
	for {
		n, err := r.next(p)
		switch {
		case err == nil, errors.Is(err, io.EOF):
			return n, err
		case n > 0:
			r.failed = err
			return n, nil
		}
		if err := r.resume(err); err != nil {
			return 0, err
		}
	}
}

// next reads once.
func (r *reader) next(p []byte) (int, error) {
	if err := r.failed; err != nil {
		r.failed = nil
		return 0, err
	}
	n, err := r.in.Read(p[:min(len(p), maxBurst)])
	r.offset += int64(n)
	r.store.bytes.Add(int64(n))
	if errors.Is(err, io.EOF) && r.offset < r.end {
		err = io.ErrUnexpectedEOF
	}
	if waited := r.store.wait(r.ctx, n); waited != nil {
		err = waited
	}
	return n, err
}

// resume opens the object again where reading it failed.
func (r *reader) resume(err error) error {
	s := r.store
	if r.tries--; r.tries <= 0 || r.ctx.Err() != nil || !isTransient(err) {
		return s.failed(err, "read %s in %s", r.name, s.name)
	}
	s.log.Warn("reading from the object store failed: taking it up again",
		"object", r.name, "offset", r.offset, "error", s.secrets.text(err.Error()))
	_ = r.in.Close()
	r.in = io.NopCloser(bytes.NewReader(nil))
	return r.open()
}

func (r *reader) Close() error { return r.in.Close() }
