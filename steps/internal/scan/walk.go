package scan

import (
	"context"
	"io/fs"

	"github.com/backube/scribe-gen/tree"
	"github.com/backube/scribe-gen/tree/manifest"
)

// walk makes an item of every entry, beside the index, which has the same order.
func (r *run) walk(ctx context.Context) error {
	walker := tree.Walker{SkipLostFound: true}
	if r.Live {
		walker.Vanished = func(string) error {
			r.vanished.Add(1)
			return nil
		}
	}
	var failed error
	walker.Known = func(e *tree.Entry) bool {
		if failed == nil {
			failed = r.goneBefore(ctx, e.Path)
		}
		return failed == nil && r.last.knows(e)
	}
	err := walker.Walk(r.Root, func(e tree.Entry) error {
		if failed != nil {
			return failed
		}
		if e.Path != "." && r.Filter.Excluded(e.Path, e.IsDir()) {
			if e.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		it, err := r.item(ctx)
		if err != nil {
			return err
		}
		r.fill(it, e)
		return r.pass(ctx, it)
	})
	if err != nil {
		return err
	}
	return r.goneBefore(ctx, "")
}

// item waits for an item that is free.
func (r *run) item(ctx context.Context) (*Item, error) {
	select {
	case it := <-r.free:
		*it = Item{run: r, ready: it.ready}
		return it, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// fill describes an entry by what is known without reading it.
func (r *run) fill(it *Item, e tree.Entry) {
	it.Found = e
	known := r.last.knows(&it.Found)
	if last := r.last.at(e.Path); last != nil {
		it.last = *last
		it.Last = &it.last
	}
	if known {
		it.Found.Target, it.Found.Xattrs = it.Last.Target, it.Last.Xattrs
	}
	it.Entry = manifest.Of(&it.Found)
	it.group, it.leads = r.groupOf(&it.Found)
	if it.Known = known && it.IsRegular() && !it.Last.Hash.IsZero(); it.Known {
		it.Hash, it.Data, it.Layer, it.Object = it.Last.Hash, it.Last.Data, it.Last.Layer, it.Last.Object
	}
	it.working = it.IsRegular() && (it.group == nil || it.leads) && (r.Work != nil || !it.Known)
}

// pass hands an item on.
func (r *run) pass(ctx context.Context, it *Item) error {
	if r.Prepare != nil && !it.gone {
		if err := r.Prepare(it); err != nil {
			return err
		}
	}
	if it.working {
		r.work <- it // has room for all items there are
	}
	select {
	case r.ordered <- it:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// goneBefore passes the entries of the index that come before path, or all that
// are left if it is empty.
func (r *run) goneBefore(ctx context.Context, path string) error {
	for {
		gone, err := r.last.before(path)
		if err != nil || gone == nil {
			return err
		}
		if r.Gone == nil {
			continue
		}
		it, err := r.item(ctx)
		if err != nil {
			return err
		}
		it.gone, it.last = true, *gone
		it.Last = &it.last
		if err := r.pass(ctx, it); err != nil {
			return err
		}
	}
}
