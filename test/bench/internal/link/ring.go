package link

import (
	"io"
	"sync"
	"time"
)

const (
	// ringSize bounds the bytes that are on their way in one direction of one
	// connection. With 25 ms it allows 1.3 GB/s, far above what the movers reach,
	// so the delay is the only limit.
	ringSize = 32 << 20
	// readSize is the most that is taken from a socket at once.
	readSize = 256 << 10
	// markSpan is how long after the first byte of a mark later ones may join it,
	// so that many small writes do not make many marks.
	markSpan = 100 * time.Microsecond
)

// ring is one direction of a delayed connection: bytes in a buffer of fixed size,
// and marks that say when they may leave.
type ring struct {
	delay time.Duration
	buf   []byte

	mu      sync.Mutex
	changed sync.Cond
	// written and read count all bytes ever put in and taken out.
	written, read int64
	marks         []mark
	ended         bool
}

// mark is a run of bytes that arrived together.
type mark struct {
	// end is the value of written after the last of them.
	end int64
	// first is when the first one arrived; due is when the last one may leave.
	first, due time.Time
}

func newRing(delay time.Duration, size int) *ring {
	r := &ring{delay: delay, buf: make([]byte, size)}
	r.changed.L = &r.mu
	return r
}

// fill reads src into the ring until it ends or the ring is stopped.
func (r *ring) fill(src io.Reader) error {
	defer r.stop()
	for {
		free := r.reserve()
		if free == nil {
			return nil
		}
		n, err := src.Read(free)
		r.commit(n, time.Now())
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// reserve waits for room and returns the part of the buffer to read into; nil
// once the ring is stopped.
func (r *ring) reserve() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	for !r.ended && r.written-r.read == int64(len(r.buf)) {
		r.changed.Wait()
	}
	if r.ended {
		return nil
	}
	from := int(r.written % int64(len(r.buf)))
	n := min(len(r.buf)-from, len(r.buf)-int(r.written-r.read), readSize)
	return r.buf[from : from+n]
}

// commit makes the n bytes that were read into the reserved part leave after the
// delay.
func (r *ring) commit(n int, now time.Time) {
	if n == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.written += int64(n)
	due := now.Add(r.delay)
	if k := len(r.marks); k > 0 && now.Sub(r.marks[k-1].first) < markSpan {
		r.marks[k-1].end, r.marks[k-1].due = r.written, due
	} else {
		r.marks = append(r.marks, mark{end: r.written, first: now, due: due})
	}
	r.changed.Broadcast()
}

// stop ends the ring: what is in it still leaves, nothing more comes in.
func (r *ring) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
	r.changed.Broadcast()
}

// drain writes what the ring holds to dst, each byte when it is due, until the
// ring is stopped and empty.
func (r *ring) drain(dst io.Writer) error {
	defer r.stop()
	for {
		m, ok := r.next()
		if !ok {
			return nil
		}
		time.Sleep(time.Until(m.due))
		for r.read < m.end {
			from := int(r.read % int64(len(r.buf)))
			to := min(len(r.buf), from+int(m.end-r.read))
			n, err := dst.Write(r.buf[from:to])
			r.release(n)
			if err != nil {
				return err
			}
		}
	}
}

// next waits for a mark and takes it.
func (r *ring) next() (mark, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.marks) == 0 && !r.ended {
		r.changed.Wait()
	}
	if len(r.marks) == 0 {
		return mark{}, false
	}
	m := r.marks[0]
	r.marks = append(r.marks[:0], r.marks[1:]...)
	return m, true
}

// release frees n bytes. Only drain changes read, so that it may look at it
// without the lock.
func (r *ring) release(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.read += int64(n)
	r.changed.Broadcast()
}
