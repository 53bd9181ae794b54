// Package mover runs the contenders: each copies one directory into another over
// a network connection on this host, as it would between two pods, and is
// measured while it does.
package mover

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/backube/scribe-gen/test/bench/internal/link"
	"github.com/backube/scribe-gen/test/bench/internal/meter"
)

// Contender is one way to replicate a directory.
type Contender interface {
	// Name is how tables call it.
	Name() string
	// Prepare starts what a destination keeps running between transfers. It is
	// called once, before the first Sync.
	Prepare(ctx context.Context) error
	// Sync makes the destination equal to the source.
	Sync(ctx context.Context, job Job) (Measurement, error)
	// Close ends everything that was started. It may be called at any time, once.
	Close() error
}

// Job is one transfer.
type Job struct {
	// Link is the network between the two ends.
	Link link.Link
	// Source and Destination are directories of this host.
	Source, Destination string
}

// Measurement is what one transfer cost.
type Measurement struct {
	// Wall is from the start of the sending program to its end, by when the
	// destination's file system has been flushed.
	Wall time.Duration
	// Source and Destination are the two ends.
	Source, Destination End
	// Wire is the bytes that crossed the connection, both directions.
	Wire int64
	// Others is how many cores were busy with something else meanwhile.
	Others float64
}

// CPU is the user and system time of both ends.
func (m Measurement) CPU() time.Duration { return m.Source.CPU + m.Destination.CPU }

// Memory is the resident peaks of both ends' processes, in bytes.
func (m Measurement) Memory() int64 { return m.Source.Memory() + m.Destination.Memory() }

// End is what one end of a transfer used.
type End struct {
	CPU time.Duration
	// Peaks is the largest resident size of each process.
	Peaks []meter.Peak
}

// Memory is the sum of the processes' peaks in bytes: an upper bound, as pages
// that processes share count once for each.
func (e End) Memory() int64 {
	var total int64
	for _, p := range e.Peaks {
		total += p.Bytes
	}
	return total
}

// Own is the largest peak among the programs that the bench itself started at
// this end, children the sum of all others: for scribe, the step and the rsync
// processes that it drives.
func (e End) Own() (own, children int64) {
	for _, p := range e.Peaks {
		if p.Direct {
			own = max(own, p.Bytes)
		} else {
			children += p.Bytes
		}
	}
	return own, children
}

// output collects what a program prints to stderr, the last part of it, for error
// messages.
type output struct{ tail []byte }

const outputLimit = 4096

func (o *output) Write(b []byte) (int, error) {
	o.tail = append(o.tail, b...)
	if extra := len(o.tail) - outputLimit; extra > 0 {
		o.tail = o.tail[extra:]
	}
	return len(b), nil
}

func (o *output) String() string { return string(bytes.TrimSpace(o.tail)) }

// run runs cmd in group. Its stdout is dropped; an error tells what it printed to
// stderr.
func run(group *meter.Group, cmd *exec.Cmd) error {
	var stderr output
	cmd.Stderr = &stderr
	if err := group.Run(cmd); err != nil {
		return failed(cmd, err, &stderr)
	}
	return nil
}

func failed(cmd *exec.Cmd, err error, stderr *output) error {
	return fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, stderr)
}
