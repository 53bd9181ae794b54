package replica

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/backube/scribe-gen/steps/internal/step"
	"github.com/backube/scribe-gen/tree/manifest"
)

const (
	// tries is how often a file is fetched before the pull fails. Content takes up
	// broken connections itself.
	tries = 2
	pause = time.Second // between them
)

// errWrong says that what was fetched is not what the manifest says.
var errWrong = errors.New("its content in the object store is not what the manifest says")

// wanted is a file that is to be fetched; the worker that takes it closes the
// directory.
type wanted struct {
	place
	entry manifest.Entry
}

// startFetch hands a file to a worker, as soon as one is free.
func (a *applier) startFetch(ctx context.Context, files chan<- wanted, p place, e *manifest.Entry) error {
	dir, err := duplicate(p.dir)
	if err != nil {
		return fmt.Errorf("%q: %w", e.Path, err)
	}
	p.dir = dir
	w := wanted{p, *e}
	w.entry.Xattrs = slices.Clone(e.Xattrs) // the reader uses the rest of it again
	select {
	case files <- w:
		return nil
	case <-ctx.Done():
		_ = unix.Close(dir)
		return context.Cause(ctx)
	}
}

// fetchAll fetches files until there are no more. One goroutine does many: a new
// one each would have to grow its stack for the deep calls of the store's client,
// which costs a fifth of the CPU time of small files.
func (a *applier) fetchAll(ctx context.Context, files <-chan wanted) error {
	for w := range files {
		err := a.fetch(ctx, w.place, &w.entry)
		_ = unix.Close(w.dir)
		if err != nil {
			return fmt.Errorf("fetch %q: %w", w.entry.Path, err)
		}
		a.Done(0, 1)
	}
	return nil
}

// fetch makes a file, trying again when that may help.
func (a *applier) fetch(ctx context.Context, p place, e *manifest.Entry) error {
	for try := 1; ; try++ {
		err := a.file(ctx, p, e)
		if err == nil || try == tries || ctx.Err() != nil || errors.Is(err, fs.ErrNotExist) || step.Refusal(err) != "" || local(err) {
			return err
		}
		a.replica.Log.Warn("a file is fetched again", "path", e.Path, "error", err.Error())
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
	}
}

// localError is of the replica's file system: fetching again does not help.
type localError struct{ error }

func (e localError) Unwrap() error { return e.error }

func local(err error) bool {
	var l localError
	return errors.As(err, &l)
}

// file makes a file of the content that is fetched for it.
func (a *applier) file(ctx context.Context, p place, e *manifest.Entry) error {
	fd := -1
	return p.make(func(name string) (err error) {
		fd, err = unix.Openat(p.dir, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
		if err != nil {
			return localError{fmt.Errorf("create: %w", err)}
		}
		return nil
	}, func(name string) error {
		err := a.content(ctx, fd, e)
		if closing := unix.Close(fd); err == nil && closing != nil {
			err = localError{fmt.Errorf("close: %w", closing)}
		}
		if err != nil {
			return err
		}
		if err := a.attributes(p.dir, name, e); err != nil {
			return localError{err}
		}
		return nil
	})
}
