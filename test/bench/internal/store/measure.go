package store

import (
	"errors"
	"fmt"
	"os/exec"
	"time"

	"github.com/backube/scribe-gen/process"
	"github.com/backube/scribe-gen/test/bench/internal/meter"
	"github.com/backube/scribe-gen/test/s3/fault"
)

// Measurement is what one command cost.
type Measurement struct {
	Wall time.Duration
	// CPU is the user and system time of the command and all that it started.
	CPU time.Duration
	// Wire is the bytes between the command and the server, both directions,
	// headers of HTTP included.
	Wire int64
	// Memory is the resident peak of the largest process, in bytes.
	Memory int64
	// Requests are those that the server was sent, by kind.
	Requests map[string]int64
	// Server is the CPU time of the server meanwhile, Others how many cores were
	// busy with what is no part of the measurement.
	Server time.Duration
	Others float64
}

// counters are the readings that a measurement is the difference of.
type counters struct {
	at                time.Time
	cpu, server, busy time.Duration
	passed            fault.Counts
}

// Run runs a command that uses the server, and measures it.
func (s *Server) Run(cmd *exec.Cmd) (_ Measurement, err error) {
	group, err := meter.New("client")
	if err != nil {
		return Measurement{}, err
	}
	defer func() { err = errors.Join(err, group.Close()) }()
	before, err := s.read(group)
	if err != nil {
		return Measurement{}, err
	}
	stderr := &process.Tail{Limit: 4 << 10}
	cmd.Stderr = stderr
	start := time.Now()
	err = group.Run(cmd)
	wall := time.Since(start)
	if err != nil {
		return Measurement{}, fmt.Errorf("%q: %w: %s", cmd.Args, err, stderr)
	}
	after, err := s.read(group)
	m := after.since(before)
	m.Wall = wall
	for _, p := range group.Peaks() {
		m.Memory = max(m.Memory, p.Bytes)
	}
	return m, err
}

func (s *Server) read(group *meter.Group) (counters, error) {
	c := counters{at: time.Now(), passed: s.proxy.Counts()}
	var errs [3]error
	c.cpu, errs[0] = group.CPU()
	c.server, errs[1] = meter.Offspring()
	c.busy, errs[2] = meter.Busy()
	return c, errors.Join(errs[:]...)
}

func (c counters) since(earlier counters) Measurement {
	passed := c.passed.Since(earlier.passed)
	m := Measurement{
		CPU: c.cpu - earlier.cpu, Server: c.server - earlier.server,
		Wire: passed.WireIn + passed.WireOut, Requests: map[string]int64{},
	}
	for kind, n := range passed.Requests {
		m.Requests[string(kind)] = n
	}
	others := c.busy - earlier.busy - m.CPU - m.Server
	m.Others = max(0, others.Seconds()/c.at.Sub(earlier.at).Seconds())
	return m
}
