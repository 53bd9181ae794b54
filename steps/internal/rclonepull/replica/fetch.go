package replica

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
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

// startFetch fetches a file in the background, as soon as it is its turn.
func (a *applier) startFetch(ctx context.Context, group *errgroup.Group, p place, e *manifest.Entry) error {
	dir, err := duplicate(p.dir)
	if err != nil {
		return fmt.Errorf("%q: %w", e.Path, err)
	}
	p.dir = dir
	entry := *e
	entry.Xattrs = slices.Clone(e.Xattrs) // the reader uses the rest of it again
	group.Go(func() error {
		defer func() { _ = unix.Close(dir) }()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := a.fetch(ctx, p, &entry); err != nil {
			return fmt.Errorf("fetch %q: %w", entry.Path, err)
		}
		a.Done(0, 1)
		return nil
	})
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
