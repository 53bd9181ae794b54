package scan

import (
	"context"
	"io"
	"os"

	"github.com/backube/scribe-gen/tree/manifest"
)

// readings is how often a file that changes while it is read is read.
const readings = 3

// worker hashes files with buffers that it keeps.
type worker struct {
	run    *run
	hasher *manifest.Hasher
}

// do does the work on one item.
func (w *worker) do(ctx context.Context, it *Item) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case w.run.Work != nil:
		return w.run.Work(ctx, it)
	case it.Known:
		return nil
	}
	return it.Read(ctx, func(f *os.File) error {
		w.hasher.Reset()
		n, err := w.hasher.ReadFrom(&interruptible{ctx, f})
		it.Hash = w.hasher.Sum()
		w.run.read.Add(1)
		w.run.readBytes.Add(n)
		return err
	})
}

// interruptible is a reader that ends with a context.
type interruptible struct {
	ctx context.Context
	r   io.Reader
}

func (i *interruptible) Read(p []byte) (int, error) {
	if i.ctx.Err() != nil {
		return 0, context.Cause(i.ctx)
	}
	return i.r.Read(p)
}
