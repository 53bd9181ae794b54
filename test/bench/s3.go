package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/backube/scribe-gen/test/bench/internal/report"
	"github.com/backube/scribe-gen/test/bench/internal/store"
)

// storeBench compares movers that go through an object store.
type storeBench struct {
	options
	log        io.Writer
	work       []storeWorkload
	contenders []store.Contender
	// base holds all data.
	base string
	// peer is the rclone program of the peer.
	peer       string
	fileSystem string
	cpuMethod  string
	round      int
}

func newStoreBench(ctx context.Context, o options, log io.Writer) (_ *storeBench, err error) {
	b := &storeBench{options: o, log: log}
	if b.work, err = pickStoreWorkloads(o.workloads, o.scale); err != nil {
		return nil, usageError{err}
	}
	if b.contenders, err = b.pickContenders(ctx); err != nil {
		return nil, err
	}
	if b.cpuMethod, err = cpuMethod(); err != nil {
		return nil, err
	}
	parent := b.dir
	if parent == "" {
		parent = dataDirectory(b.work)
	}
	b.fileSystem = fileSystemType(parent)
	if b.base, err = os.MkdirTemp(parent, "scribe-bench-"); err != nil {
		return nil, fmt.Errorf("make a directory for the data: %w", err)
	}
	return b, nil
}

func (b *storeBench) pickContenders(ctx context.Context) ([]store.Contender, error) {
	type maker func() (store.Contender, error)
	all := []struct {
		name string
		make maker
	}{
		{"volsync", func() (_ store.Contender, err error) {
			if b.peer, err = store.Rclone(ctx); err != nil {
				return nil, err
			}
			return store.NewVolSync(b.peer)
		}},
		{"scribe", func() (store.Contender, error) {
			return store.NewScribe(b.steps, store.Options{Transfers: b.transfers, NoIndex: !b.index})
		}},
	}
	makers, err := pick(all, b.options.contenders, "contender", func(c struct {
		name string
		make maker
	}) (string, maker) {
		return c.name, c.make
	})
	if err != nil {
		return nil, usageError{err}
	}
	var contenders []store.Contender
	for _, m := range makers {
		c, err := m()
		if err != nil {
			return nil, err
		}
		contenders = append(contenders, c)
	}
	return contenders, nil
}

func (b *storeBench) source() string { return filepath.Join(b.base, "source") }

func (b *storeBench) close() error { return os.RemoveAll(b.base) }

// run measures everything. With an error, the report holds what was complete by
// then.
func (b *storeBench) run(ctx context.Context) (*report.Report, error) {
	result := &report.Report{Ours: store.Scribe, Kinds: store.Kinds()}
	for _, c := range b.contenders {
		result.Contenders = append(result.Contenders, c.Name())
	}
	for _, w := range b.work {
		rows, err := b.workload(ctx, w)
		if err != nil {
			return result, fmt.Errorf("%s: %w", w.name, err)
		}
		result.Rows = append(result.Rows, rows...)
	}
	return result, nil
}

// workload measures one workload: every contender in turn, repeatedly.
func (b *storeBench) workload(ctx context.Context, w storeWorkload) (_ []report.Row, err error) {
	if err := checkRoom(b.base, w.room()); err != nil {
		return nil, err
	}
	fmt.Fprintf(b.log, "%s: %s\n", w.name, w.title)
	defer func() { err = errors.Join(err, os.RemoveAll(b.source())) }()
	if err := b.write(ctx, w); err != nil {
		return nil, err
	}
	rows := w.rows()
	for n := range b.repetitions {
		for _, c := range b.contenders {
			fmt.Fprintf(b.log, " %d/%d %s\n", n+1, b.repetitions, c.Name())
			samples, err := b.history(ctx, w, c)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.Name(), err)
			}
			for i, s := range samples {
				rows[i].Samples[c.Name()] = append(rows[i].Samples[c.Name()], s)
			}
		}
	}
	return rows, nil
}
