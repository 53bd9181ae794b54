package link

import (
	"bufio"
	"errors"
	"net"
	"sync"
	"sync/atomic"
)

// bufferSize is how much a connection reads ahead and how much it holds back to
// write at once. SSH packets have 32 KiB; a system call for each costs more than
// their encryption.
const bufferSize = 512 << 10

// conn wraps a TCP connection: reads are buffered, and writes return at once and
// are sent together by a goroutine, at most bufferSize behind. It counts bytes.
type conn struct {
	net.Conn
	reader *bufio.Reader
	read   atomic.Int64
	sent   atomic.Int64

	mu      sync.Mutex
	changed *sync.Cond
	pending []byte
	spare   []byte
	err     error
	closing bool
	done    chan struct{}
}

func newConn(c net.Conn) *conn {
	w := &conn{Conn: c, reader: bufio.NewReaderSize(c, bufferSize), done: make(chan struct{})}
	w.changed = sync.NewCond(&w.mu)
	go w.flush()
	return w
}

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.reader.Read(p)
	c.read.Add(int64(n))
	return n, err
}

// Write hands p over. An error of the connection is returned by a later Write.
func (c *conn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.pending) >= bufferSize && c.err == nil && !c.closing {
		c.changed.Wait()
	}
	switch {
	case c.err != nil:
		return 0, c.err
	case c.closing:
		return 0, net.ErrClosed
	}
	c.pending = append(c.pending, p...)
	c.changed.Broadcast()
	return len(p), nil
}

// flush sends what is pending until the connection is closed or fails.
func (c *conn) flush() {
	defer close(c.done)
	for {
		c.mu.Lock()
		for len(c.pending) == 0 && !c.closing && c.err == nil {
			c.changed.Wait()
		}
		if c.err != nil || (c.closing && len(c.pending) == 0) {
			c.mu.Unlock()
			return
		}
		batch := c.pending
		c.pending = c.spare[:0]
		c.changed.Broadcast()
		c.mu.Unlock()

		n, err := c.Conn.Write(batch)
		c.sent.Add(int64(n))

		c.mu.Lock()
		c.spare = batch
		if err != nil && c.err == nil {
			c.err = err
			c.changed.Broadcast()
		}
		c.mu.Unlock()
	}
}

// Close sends what is pending, if the peer takes it within a moment, and closes.
func (c *conn) Close() error {
	c.mu.Lock()
	if c.closing {
		c.mu.Unlock()
		return net.ErrClosed
	}
	c.closing = true
	c.changed.Broadcast()
	c.mu.Unlock()
	_ = c.SetWriteDeadline(closeDeadline())
	<-c.done
	err := c.Conn.Close()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// Bytes is what crossed the connection, both ways.
func (c *conn) Bytes() int64 { return c.read.Load() + c.sent.Load() }
