package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/backube/scribe-gen/test/bench/internal/report"
	"github.com/backube/scribe-gen/test/bench/internal/store"
)

// write makes the source, and lets it come to rest: an index rightly does not
// trust what changed just before the push. The copies that are made and removed
// are for virtual machines, whose host may first have to find the memory that a
// tmpfs grows into.
func (b *storeBench) write(ctx context.Context, w storeWorkload) error {
	if err := os.Mkdir(b.source(), 0o755); err != nil {
		return err
	}
	if err := w.tree.Write(ctx, b.source(), b.seed); err != nil {
		return err
	}
	written := time.Now()
	spare := filepath.Join(b.base, "spare")
	if err := os.Mkdir(spare, 0o755); err != nil {
		return err
	}
	for n := range storeCopies - 1 {
		if err := command(ctx, "cp", "-a", b.source(), filepath.Join(spare, fmt.Sprint(n))); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(spare); err != nil {
		return err
	}
	select {
	case <-time.After(time.Until(written.Add(rest))):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// rest is how long ago a change must be for an index to be sure of it.
const rest = 12 * time.Second

// history measures all operations of one contender, one after the other, from an
// empty store and an empty replica on.
func (b *storeBench) history(ctx context.Context, w storeWorkload, c store.Contender) (_ []report.Sample, err error) {
	dir := filepath.Join(b.base, "history")
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	server, err := store.Start(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	place := server.Place(b.source(), dir)
	if err := os.MkdirAll(place.Replica(), 0o755); err != nil {
		return nil, err
	}
	b.round++
	var samples []report.Sample
	for _, o := range operations {
		if o.change {
			if err := w.change(ctx, w.tree, b.source(), b.seed, b.round); err != nil {
				return nil, err
			}
		}
		m, err := b.operate(ctx, o, c, server, place)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", o.title(w), err)
		}
		samples = append(samples, report.Sample{
			Wall: m.Wall, CPU: m.CPU, Wire: m.Wire, Memory: m.Memory, Requests: m.Requests, Others: m.Others,
		})
		fmt.Fprintf(b.log, "  %-24s %8.2f s  %8.2f CPU s, the server %.2f CPU s, others on %.1f cores\n",
			o.title(w), m.Wall.Seconds(), m.CPU.Seconds(), m.Server.Seconds(), m.Others)
	}
	return samples, nil
}

// operate measures one operation; what was pulled is verified.
func (b *storeBench) operate(ctx context.Context, o operation, c store.Contender, server *store.Server, place store.Place) (store.Measurement, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, b.timeout, fmt.Errorf("took longer than --timeout=%s", b.timeout))
	defer cancel()
	command := c.Push
	if o.pull {
		command = c.Pull
	}
	cmd, err := command(ctx, place)
	if err != nil {
		return store.Measurement{}, err
	}
	m, err := server.Run(cmd)
	if err != nil {
		return m, errors.Join(context.Cause(ctx), err)
	}
	if !o.pull {
		return m, nil
	}
	return m, verify(ctx, place.Source, place.Replica(), append([]string{"--checksum"}, c.Loses()...)...)
}
