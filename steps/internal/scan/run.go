package scan

import (
	"context"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/backube/scribe-gen/tree"
	"github.com/backube/scribe-gen/tree/at"
	"github.com/backube/scribe-gen/tree/manifest"
)

// queue is how many items are under way at most. While a large file is read, that
// many after it may be done.
const queue = 1024

// run is one scan under way.
type run struct {
	Source
	Stages
	root    int // the open root
	instant int64
	last    *last // the index of the last run; nil for none
	next    *next // the new index; nil for none
	groups  map[inode]*group

	free    chan *Item
	ordered chan *Item
	work    chan *Item

	result          Result
	read, readBytes atomic.Int64
	entries         atomic.Int64
	unsteady        atomic.Int64
	vanished        atomic.Int64
}

type inode struct{ dev, inode uint64 }

// group is the names of one file. The walker counts them; the emitter knows which
// of them is the first that did not vanish, and its content.
type group struct {
	seen, links uint64
	first       string
	hash        manifest.Hash
	data        []manifest.Range
}

func newRun(s Source, stages Stages) (*run, error) {
	r := &run{
		Source: s, Stages: stages, groups: map[inode]*group{},
		free: make(chan *Item, queue), ordered: make(chan *Item, queue), work: make(chan *Item, queue),
	}
	now := time.Now()
	if r.At.IsZero() || r.At.After(now) {
		r.At = now
	}
	r.instant = r.At.Add(-s.slack).UnixNano()
	var err error
	if r.root, err = at.OpenRoot(s.Root); err != nil {
		return nil, fmt.Errorf("scan %q: open: %w", s.Root, err)
	}
	switch {
	case s.Index == "":
	case s.look:
		r.last, err = open(filepath.Join(s.Index, nextFile))
	default:
		r.last = openLast(s.Index, s.Want, s.Log)
		r.next = newNext(s.Index, s.Label, s.Log)
	}
	if err != nil {
		r.close()
		return nil, err
	}
	for range queue {
		r.free <- &Item{run: r, ready: make(chan error, 1)}
	}
	return r, nil
}

func (r *run) close() {
	_ = unix.Close(r.root)
	r.last.close()
}

// all runs the stages side by side.
func (r *run) all(ctx context.Context) error {
	defer r.tell()()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(r.ordered)
		defer close(r.work)
		return r.walk(ctx)
	})
	for range r.Workers {
		g.Go(func() error {
			w := worker{run: r, hasher: manifest.NewHasher()}
			for it := range r.work {
				it.ready <- w.do(ctx, it)
			}
			return nil
		})
	}
	g.Go(func() error { return r.emitAll(ctx) })
	if err := g.Wait(); err != nil {
		r.next.discard()
		return err
	}
	return nil
}

// tellEvery is how often a scan says how far it is.
const tellEvery = 10 * time.Second

// tell logs how far the scan is, at intervals, until it is stopped.
func (r *run) tell() (stop func()) {
	ended, ticker := make(chan struct{}), time.NewTicker(tellEvery)
	go func() {
		for {
			select {
			case <-ticker.C:
				r.Log.Info("scanning", "entries", r.entries.Load(), "read", r.read.Load(), "readBytes", r.readBytes.Load())
			case <-ended:
				return
			}
		}
	}()
	return func() {
		ticker.Stop()
		close(ended)
	}
}

// finish makes the result.
func (r *run) finish() (Result, error) {
	r.result.Entries = r.entries.Load()
	r.result.Read, r.result.ReadBytes = r.read.Load(), r.readBytes.Load()
	r.result.Unsteady, r.result.Vanished = r.unsteady.Load(), r.vanished.Load()
	if r.last != nil {
		r.result.Last = &r.last.record
	}
	if r.next == nil {
		return r.result, nil
	}
	summary, err := r.next.finish()
	if err != nil {
		return Result{}, fmt.Errorf("scan %q: %w", r.Root, err)
	}
	r.result.Summary, r.result.next = summary, r.next
	return r.result, nil
}

// groupOf finds the group of an entry that may have several names.
func (r *run) groupOf(e *tree.Entry) (g *group, leads bool) {
	if !e.Linked() {
		return nil, false
	}
	key := inode{e.Dev, e.Inode}
	g = r.groups[key]
	if leads = g == nil; leads {
		g = &group{}
		r.groups[key] = g
	}
	g.links = max(g.links, e.Links) // fewer, when one vanished meanwhile
	if g.seen++; g.seen >= g.links {
		delete(r.groups, key)
	}
	return g, leads
}
