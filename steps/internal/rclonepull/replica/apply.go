package replica

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/backube/scribe-gen/tree/at"
	"github.com/backube/scribe-gen/tree/manifest"
)

// Options are how a plan is applied.
type Options struct {
	// Content is where the content of files comes from.
	Content Content
	// Transfers is how many files are fetched at the same time; at least 1.
	Transfers int
	// Done, which may be nil, is called with the bytes that were fetched since it
	// was called last, and with the files that were completed, from several
	// goroutines.
	Done func(bytes, files int64)
}

// Apply makes the replica equal to the manifest. After an error, and when this
// process is killed, a new plan finds what is left to do. It may be called once.
func (p *Plan) Apply(ctx context.Context, options Options) error {
	if err := p.mark(ctx); err != nil {
		return err
	}
	root, err := at.OpenRoot(p.replica.Root)
	if err != nil {
		return fmt.Errorf("open the replica: %w", err)
	}
	defer func() { _ = unix.Close(root) }()
	if options.Done == nil {
		options.Done = func(int64, int64) {}
	}
	a := &applier{Plan: p, Options: options, root: root}
	p.opened = nil // the directories get their modes at the end
	for _, pass := range []func(context.Context) error{a.delete, a.entries, a.linkNames, a.directories} {
		if err := pass(ctx); err != nil {
			return fmt.Errorf("make the replica equal to the manifest: %w", err)
		}
	}
	return nil
}

// applier is one Apply.
type applier struct {
	*Plan
	Options
	root int
}

// delete removes what the plan says, entries of a directory before it.
func (a *applier) delete(ctx context.Context) error {
	f, err := os.Open(filepath.Join(a.replica.Temp, deletionsFile))
	if err != nil {
		return fmt.Errorf("read the plan: %w", err)
	}
	defer func() { _ = f.Close() }()
	parents := parents{root: a.root}
	defer parents.close()
	for in := bufio.NewReader(f); ; {
		record, err := in.ReadString(0)
		if errors.Is(err, io.EOF) && record == "" {
			return nil
		}
		if err == nil && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			return fmt.Errorf("delete: %w", err)
		}
		if err := remove(&parents, record[1:len(record)-1], record[0] == 'd'); err != nil {
			return err
		}
	}
}

func remove(parents *parents, path string, dir bool) error {
	parent, name, err := parents.of(path)
	if err == nil {
		flags := 0
		if dir {
			flags = unix.AT_REMOVEDIR
		}
		err = unix.Unlinkat(parent, name, flags)
	}
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("delete %q: %w", path, err)
	}
	return nil
}

// entries makes and mends everything but links and the attributes of
// directories. Files are fetched several at a time; the walk goes on meanwhile.
func (a *applier) entries(ctx context.Context) error {
	parents := parents{root: a.root}
	defer parents.close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	group, fetching := errgroup.WithContext(ctx)
	files := make(chan wanted)
	for range max(a.Transfers, 1) {
		group.Go(func() error { return a.fetchAll(fetching, files) })
	}
	err := a.eachAction(fetching, func(e *manifest.Entry, what action) error {
		if what == keep || what == link || e.IsDir() && what == mend {
			return nil
		}
		dir, name, err := parents.of(e.Path)
		if err != nil {
			return fmt.Errorf("open the directory of %q: %w", e.Path, err)
		}
		place := place{dir: dir, name: name, replace: what == replace}
		switch {
		case what == mend:
			err = a.attributes(dir, name, e)
		case e.IsDir():
			err = a.makeDirectory(dir, name)
		case e.IsRegular() && e.Size > 0:
			return a.startFetch(fetching, files, place, e)
		default:
			err = a.makeEmpty(place, e)
		}
		if err != nil {
			return fmt.Errorf("%q: %w", e.Path, err)
		}
		return nil
	})
	close(files)
	if err != nil && fetching.Err() == nil {
		cancel(err) // no need to wait for what is being fetched
		_ = group.Wait()
		return err
	}
	if failed := group.Wait(); failed != nil {
		return failed // err only repeats it
	}
	return err
}
