package fault

import (
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Counts are what passed a proxy, from its start or between two looks at it.
type Counts struct {
	// Requests are those that clients sent, also the ones that failed.
	Requests map[Operation]int64
	// Methods are the same requests by their HTTP method.
	Methods map[string]int64
	// Answers are by status, those of the proxy among them. A request whose
	// connection was cut has none when the server did not answer.
	Answers map[int]int64
	// Faults are requests that were delayed, refused, or to be cut; one of
	// which two are true counts twice.
	Faults int64
	// In and Out are bytes of bodies, to the server and to the client.
	In, Out int64
	// WireIn and WireOut are bytes of connections between client and proxy,
	// with headers and TLS.
	WireIn, WireOut int64
}

// Total is the number of requests of the operations, of all without any.
func (c Counts) Total(operations ...Operation) int64 {
	var sum int64
	for o, n := range c.Requests {
		if len(operations) == 0 || slices.Contains(operations, o) {
			sum += n
		}
	}
	return sum
}

// Since returns what was counted after an earlier look.
func (c Counts) Since(earlier Counts) Counts {
	return Counts{
		Requests: difference(c.Requests, earlier.Requests),
		Methods:  difference(c.Methods, earlier.Methods),
		Answers:  difference(c.Answers, earlier.Answers),
		Faults:   c.Faults - earlier.Faults,
		In:       c.In - earlier.In, Out: c.Out - earlier.Out,
		WireIn: c.WireIn - earlier.WireIn, WireOut: c.WireOut - earlier.WireOut,
	}
}

// difference leaves out what did not change.
func difference[K comparable](now, earlier map[K]int64) map[K]int64 {
	left := maps.Clone(now)
	maps.DeleteFunc(left, func(k K, n int64) bool { return n == earlier[k] })
	for k := range left {
		left[k] -= earlier[k]
	}
	return left
}

// String is one line for logs and tables.
func (c Counts) String() string {
	var text strings.Builder
	for _, o := range slices.Sorted(maps.Keys(c.Requests)) {
		fmt.Fprintf(&text, "%s %d, ", o, c.Requests[o])
	}
	fmt.Fprintf(&text, "bodies in %d out %d, wire in %d out %d", c.In, c.Out, c.WireIn, c.WireOut)
	return text.String()
}

// Counts returns what passed so far.
func (p *Proxy) Counts() Counts { return p.counts.look() }

// counters are Counts under way.
type counters struct {
	bytesIn, bytesOut, wireIn, wireOut, faults atomic.Int64

	mu       sync.Mutex
	requests map[Operation]int64
	methods  map[string]int64
	answers  map[int]int64
}

func (c *counters) request(r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.requests == nil {
		c.requests, c.methods = map[Operation]int64{}, map[string]int64{}
	}
	c.requests[OperationOf(r)]++
	c.methods[r.Method]++
}

func (c *counters) answer(status int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.answers == nil {
		c.answers = map[int]int64{}
	}
	c.answers[status]++
}

func (c *counters) fault() { c.faults.Add(1) }

func (c *counters) look() Counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Counts{
		Requests: maps.Clone(c.requests), Methods: maps.Clone(c.methods), Answers: maps.Clone(c.answers),
		Faults: c.faults.Load(), In: c.bytesIn.Load(), Out: c.bytesOut.Load(),
		WireIn: c.wireIn.Load(), WireOut: c.wireOut.Load(),
	}
}

// countedListener counts the bytes of its connections.
type countedListener struct {
	net.Listener
	counts *counters
}

func (l countedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return countedConn{c, l.counts}, nil
}

type countedConn struct {
	net.Conn
	counts *counters
}

func (c countedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.counts.wireIn.Add(int64(n))
	return n, err
}

func (c countedConn) Write(p []byte) (int, error) {
	// Before the client can have read it and look at the counts.
	c.counts.wireOut.Add(int64(len(p)))
	n, err := c.Conn.Write(p)
	c.counts.wireOut.Add(int64(n - len(p)))
	return n, err
}
