package replica

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/backube/scribe-gen/tree/manifest"
)

const (
	bufferSize = 128 << 10
	// page is the granularity of the holes that are left in files.
	page = 4 << 10
	// smallHole is the largest hole that is fetched rather than left out, as a
	// request takes as long as some data.
	smallHole = 1 << 20
)

var zeros [bufferSize]byte

// receiver is what receiving a file takes; it is used again for the next one.
type receiver struct {
	hasher *manifest.Hasher
	buf    []byte
}

var receivers = sync.Pool{New: func() any {
	return &receiver{hasher: manifest.NewHasher(), buf: make([]byte, bufferSize)}
}}

// content fetches the content of a file into the open empty file fd and checks
// it against the manifest.
func (a *applier) content(ctx context.Context, fd int, e *manifest.Entry) (err error) {
	r := receivers.Get().(*receiver)
	defer receivers.Put(r)
	r.hasher.Reset()
	var fetched int64
	defer func() {
		if err != nil {
			a.Done(-fetched, 0) // it will be counted again, or never
		}
	}()
	pos := int64(0)
	for _, span := range spans(e) {
		if err := hashHole(ctx, r.hasher, span.Offset-pos); err != nil {
			return err
		}
		length := span.Length
		if length == e.Size {
			length = -1 // no range: some stores need a request less
		}
		body, err := a.Content.Get(ctx, e.Layer, e.Object, e.Path, span.Offset, length)
		if err != nil {
			return err
		}
		err = r.receive(ctx, fd, body, span, func(n int64) { fetched += n; a.Done(n, 0) })
		if closing := body.Close(); err == nil && closing != nil {
			err = fmt.Errorf("end of the content: %w", closing)
		}
		if err != nil {
			return err
		}
		pos = span.End()
	}
	if err := hashHole(ctx, r.hasher, e.Size-pos); err != nil {
		return err
	}
	if r.hasher.Sum() != e.Hash {
		return errWrong
	}
	if err := unix.Ftruncate(fd, e.Size); err != nil { // there may be a hole at the end
		return localError{fmt.Errorf("set size: %w", err)}
	}
	return nil
}

// spans are the parts of a file that are fetched: its data, and holes too small
// to leave out.
func spans(e *manifest.Entry) []manifest.Range {
	if e.Data == nil {
		return []manifest.Range{{Length: e.Size}}
	}
	var spans []manifest.Range
	for _, r := range e.Data {
		if n := len(spans); n > 0 && r.Offset-spans[n-1].End() <= smallHole {
			spans[n-1].Length = r.End() - spans[n-1].Offset
			continue
		}
		spans = append(spans, r)
	}
	return spans
}

// receive writes one span of a file.
func (r *receiver) receive(ctx context.Context, fd int, from io.Reader, span manifest.Range, received func(int64)) error {
	for span.Length > 0 {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		block := r.buf[:min(span.Length, bufferSize)]
		n, err := io.ReadFull(from, block)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return fmt.Errorf("%w: it ends at byte %d, %d too early", errWrong, span.Offset+int64(n), span.Length-int64(n))
		}
		if err != nil {
			return fmt.Errorf("read at byte %d: %w", span.Offset+int64(n), err)
		}
		_, _ = r.hasher.Write(block)
		if err := writeData(fd, block, span.Offset); err != nil {
			return localError{fmt.Errorf("write at byte %d: %w", span.Offset, err)}
		}
		received(int64(n))
		span.Offset, span.Length = span.Offset+int64(n), span.Length-int64(n)
	}
	return nil
}

// writeData writes a block to a file that reads as zeros there, and leaves out
// the pages of zeros.
func writeData(fd int, block []byte, pos int64) error {
	for len(block) > 0 {
		skip := run(block, pos, true)
		block, pos = block[skip:], pos+int64(skip)
		n := run(block, pos, false)
		if err := writeAt(fd, block[:n], pos); err != nil {
			return err
		}
		block, pos = block[n:], pos+int64(n)
	}
	return nil
}

// run is the length of the pages at the start of a block that all are zeros, or
// all are not.
func run(block []byte, pos int64, zero bool) int {
	length := 0
	for length < len(block) {
		n := min(page-int(pos+int64(length))%page, len(block)-length)
		if bytes.Equal(block[length:length+n], zeros[:n]) != zero {
			break
		}
		length += n
	}
	return length
}

func writeAt(fd int, b []byte, pos int64) error {
	for len(b) > 0 {
		n, err := unix.Pwrite(fd, b, pos)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return err
		case n == 0:
			return io.ErrShortWrite
		}
		b, pos = b[n:], pos+int64(n)
	}
	return nil
}
