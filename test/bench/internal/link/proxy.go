package link

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Proxy is a TCP proxy on the loopback device that holds every byte back for a
// fixed time in each direction. It does not limit the bandwidth, reorder or lose
// anything, and its memory is bounded by a fixed buffer for each direction of a
// connection. Connecting itself is not delayed: it is the same one round trip for
// every contender.
type Proxy struct {
	target   string
	oneWay   time.Duration
	listener net.Listener
	bytes    atomic.Int64
	running  sync.WaitGroup

	mu     sync.Mutex
	closed bool
	conns  map[net.Conn]struct{}
}

// NewProxy listens on a free loopback port and passes connections on to target,
// "host:port", oneWay later in each direction.
func NewProxy(target string, oneWay time.Duration) (*Proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the delay proxy to %s: %w", target, err)
	}
	p := &Proxy{target: target, oneWay: oneWay, listener: listener, conns: map[net.Conn]struct{}{}}
	p.running.Go(p.accept)
	return p, nil
}

// Addr is the "host:port" that clients connect to.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Bytes is what has passed in both directions, without protocol headers.
func (p *Proxy) Bytes() (int64, error) { return p.bytes.Load(), nil }

// Close stops listening, breaks every connection and waits until all is gone.
func (p *Proxy) Close() error {
	err := p.listener.Close()
	p.mu.Lock()
	p.closed = true
	for c := range p.conns {
		c.Close()
	}
	p.mu.Unlock()
	p.running.Wait()
	return err
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(10 * time.Millisecond) // out of descriptors: wait for some to be freed
			continue
		}
		p.running.Go(func() { p.serve(client) })
	}
}

// serve passes one connection on until both directions have ended.
func (p *Proxy) serve(client net.Conn) {
	defer p.forget(client)
	if !p.remember(client) {
		return
	}
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer p.forget(server)
	if !p.remember(server) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { p.pass(server, client) })
	both.Go(func() { p.pass(client, server) })
	both.Wait()
}

// pass carries one direction. An orderly end of src becomes one of dst; an error
// breaks both, as the other direction would else wait for ever.
func (p *Proxy) pass(dst, src net.Conn) {
	r := newRing(p.oneWay, ringSize)
	failed := make(chan error, 1)
	go func() { failed <- r.fill(counter{src, &p.bytes}) }()
	err := r.drain(dst)
	if err != nil {
		src.Close()
	}
	if err = errors.Join(err, <-failed); err != nil {
		src.Close()
		dst.Close()
		return
	}
	if half, ok := dst.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
	}
}

func (p *Proxy) remember(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[c] = struct{}{}
	return !p.closed
}

func (p *Proxy) forget(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
	c.Close()
}

// counter counts what is read.
type counter struct {
	io.Reader
	total *atomic.Int64
}

func (c counter) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.total.Add(int64(n))
	return n, err
}
