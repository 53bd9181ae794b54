// Package lanes spreads one stream of bytes over several, in turn. An SSH channel
// has at most 2 MiB under way, a constant of both OpenSSH and x/crypto/ssh: at a
// round trip of 50 ms that is 40 MB/s, however fast the link is. Several channels
// of one connection have several windows.
//
// A stream is cut into frames, a length of four bytes and the content, which go
// to the lanes in turn. A frame of no length is the end.
package lanes

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

// Max is the largest number of lanes.
const Max = 64

// frameLimit is the largest frame: an SSH packet's content less the header.
const frameLimit = 32<<10 - 4

const (
	// window is what a channel may have under way.
	window = 2 << 20
	// rate is what the lanes together are to carry, in bytes per second.
	rate = 400 << 20
	// auto is the largest number of lanes that is chosen without being asked for.
	auto = 16
)

// For is the number of lanes that a round trip takes.
func For(roundTrip time.Duration) int {
	return min(1+int(roundTrip.Seconds()*rate/window), auto)
}

// Writer sends a stream to its lanes.
type Writer struct {
	lanes []io.Writer
	next  int
	frame []byte
}

// NewWriter returns a writer on the lanes.
func NewWriter(lanes []io.Writer) *Writer {
	return &Writer{lanes: lanes, frame: make([]byte, 0, frameLimit+4)}
}

func (w *Writer) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		part := p[:min(len(p), frameLimit)]
		if err := w.send(part); err != nil {
			return n, err
		}
		n += len(part)
		p = p[len(part):]
	}
	return n, nil
}

// Close sends the end. It does not close the lanes.
func (w *Writer) Close() error { return w.send(nil) }

func (w *Writer) send(part []byte) error {
	w.frame = binary.BigEndian.AppendUint32(w.frame[:0], uint32(len(part)))
	w.frame = append(w.frame, part...)
	lane := w.lanes[w.next]
	w.next = (w.next + 1) % len(w.lanes)
	_, err := lane.Write(w.frame)
	return err
}

// Reader puts a stream together again.
type Reader struct {
	lanes []io.Reader
	next  int
	left  int
	err   error
}

// NewReader returns a reader of the lanes.
func NewReader(lanes []io.Reader) *Reader { return &Reader{lanes: lanes} }

// Read returns io.EOF after the end, and io.ErrUnexpectedEOF when a lane ends
// before it.
func (r *Reader) Read(p []byte) (int, error) {
	if r.err == nil && r.left == 0 {
		r.err = r.header()
	}
	if r.err != nil {
		return 0, r.err
	}
	n, err := r.lanes[r.next].Read(p[:min(len(p), r.left)])
	if r.left -= n; r.left == 0 {
		r.next = (r.next + 1) % len(r.lanes)
		return n, nil
	}
	if err != nil {
		r.err = unexpected(err)
	}
	if n > 0 {
		return n, nil
	}
	return 0, r.err
}

func (r *Reader) header() error {
	var length [4]byte
	if _, err := io.ReadFull(r.lanes[r.next], length[:]); err != nil {
		return unexpected(err)
	}
	n := binary.BigEndian.Uint32(length[:])
	switch {
	case n == 0:
		return io.EOF
	case n > frameLimit:
		return fmt.Errorf("a frame of %d bytes", n)
	}
	r.left = int(n)
	return nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
