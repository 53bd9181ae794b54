// Package link is the network between the two ends of a measured transfer: the
// loopback device as it is, or a proxy on it that delays what passes. It counts
// the bytes that cross, and knows nothing of who sends them.
package link

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// Link opens routes to servers on this host.
type Link interface {
	// Open returns a way to reach target, an address "host:port" that is being
	// listened on. The caller closes it.
	Open(target string) (Route, error)
}

// Route is a way to one server.
type Route interface {
	// Addr is the "host:port" that clients connect to.
	Addr() string
	// Bytes is what crossed so far, both directions together. Only differences
	// mean something.
	Bytes() (int64, error)
	// Close ends the route and every connection over it.
	Close() error
}

// New returns a link with the given round-trip time; 0 for the bare loopback
// device.
func New(roundTrip time.Duration) Link {
	if roundTrip == 0 {
		return loopback{}
	}
	return delayed{oneWay: roundTrip / 2}
}

// loopback connects directly. Its bytes are those of the loopback device of the
// process's network namespace, protocol headers included, which costs the
// contenders nothing. They are exact when nothing else uses the namespace.
type loopback struct{}

func (loopback) Open(target string) (Route, error) { return direct(target), nil }

type direct string

func (d direct) Addr() string { return string(d) }

func (direct) Close() error { return nil }

func (direct) Bytes() (int64, error) {
	const table = "/proc/self/net/dev"
	data, err := os.ReadFile(table)
	if err != nil {
		return 0, fmt.Errorf("read the loopback device's counters: %w", err)
	}
	return loopbackBytes(string(data), table)
}

// loopbackBytes finds the bytes that the device lo received. What is sent over it
// is received by it, so this is both directions, once.
func loopbackBytes(text, name string) (int64, error) {
	for line := range strings.Lines(text) {
		device, counters, ok := strings.Cut(line, ":")
		if !ok || strings.TrimSpace(device) != "lo" {
			continue
		}
		fields := strings.Fields(counters)
		if len(fields) == 0 {
			break
		}
		n, err := strconv.ParseInt(fields[0], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: bytes of lo: %w", name, err)
		}
		return n, nil
	}
	return 0, fmt.Errorf("%s has no device lo", name)
}

// delayed connects through a proxy that holds every byte back.
type delayed struct{ oneWay time.Duration }

func (d delayed) Open(target string) (Route, error) { return NewProxy(target, d.oneWay) }
