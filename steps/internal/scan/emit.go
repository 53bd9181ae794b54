package scan

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/backube/scribe-gen/tree/manifest"
)

// emitAll takes the items in the order of the walk, each when it is ready.
func (r *run) emitAll(ctx context.Context) error {
	w := worker{run: r, hasher: manifest.NewHasher()}
	for it := range r.ordered {
		if err := r.emit(ctx, &w, it); err != nil {
			return err
		}
		r.free <- it
	}
	return nil
}

func (r *run) emit(ctx context.Context, w *worker, it *Item) error {
	if it.gone {
		return r.Gone(it.Last)
	}
	var err error
	if it.working {
		select {
		case err = <-it.ready:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	if err == nil && it.group != nil {
		err = it.join(ctx, w)
	}
	switch {
	case err == nil:
		return r.emitOne(it)
	case r.Live && errors.Is(err, fs.ErrNotExist):
		r.vanished.Add(1)
		return nil
	}
	return fmt.Errorf("scan %q: %q: %w", r.Root, it.Path, err)
}

// join gives a further name of a file the content of the first. Where that
// vanished, the next name takes its place.
func (it *Item) join(ctx context.Context, w *worker) error {
	g := it.group
	if g.first != "" {
		it.Link, it.Hash, it.Data = g.first, g.hash, g.data
		return nil
	}
	it.Link = ""
	if !it.leads && it.IsRegular() {
		if err := w.do(ctx, it); err != nil {
			return err
		}
	}
	g.first, g.hash, g.data = it.Path, it.Hash, it.Data
	return nil
}

func (r *run) emitOne(it *Item) error {
	r.entries.Add(1)
	if it.Link == "" {
		r.result.Bytes += it.Size
	}
	if r.Emit != nil {
		if err := r.Emit(it); err != nil {
			return err
		}
	}
	if r.next == nil {
		return nil
	}
	return r.next.write(it, it.ChangeTime >= r.instant)
}
