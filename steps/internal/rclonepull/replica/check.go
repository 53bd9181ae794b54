package replica

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/backube/scribe-gen/tree/manifest"
)

// check is an entry of the manifest on its way from the walk to the judgement.
type check struct {
	path, first string // first name of the same file, if path is a further one
	dir         bool
	regular     bool
	size, data  int64 // of the content, and without holes
	hash        manifest.Hash

	// What follows is of the replica's entry of that name.

	// present: there is one, and it need not go before the new one is made.
	present  bool
	excluded bool
	// sameAttributes leaves out how names are linked. sameContent is right once
	// done is closed.
	sameAttributes, sameContent bool
	links                       uint64
	inode                       inode
	allocated                   int64
	file                        int // to be hashed; -1 for none
	done                        chan struct{}
	err                         error
}

type inode struct{ dev, inode uint64 }

// newCheck makes a check of an entry that the replica does not have.
func newCheck(e *manifest.Entry) *check {
	return &check{
		path: e.Path, first: e.Link, dir: e.IsDir(), regular: e.IsRegular(), size: e.Size, data: dataOf(e), hash: e.Hash, file: -1,
	}
}

// dataOf is how much of a file is not hole.
func dataOf(e *manifest.Entry) int64 {
	if e.Data == nil {
		return e.Size
	}
	var sum int64
	for _, r := range e.Data {
		sum += r.Length
	}
	return sum
}

// checks hashes files, several at a time, and hands the checks on in the order in
// which they were put. Its memory is bounded.
type checks struct {
	group  *errgroup.Group
	ctx    context.Context
	cancel context.CancelCauseFunc
	work   chan *check
	order  chan *check
}

// underWay is how many checks may wait for one another.
const underWay = 64

// startChecks returns also the context that ends when take fails.
func startChecks(ctx context.Context, take func(*check) error) (*checks, context.Context) {
	ctx, cancel := context.WithCancelCause(ctx)
	group, ctx := errgroup.WithContext(ctx)
	c := &checks{group: group, ctx: ctx, cancel: cancel, work: make(chan *check, underWay), order: make(chan *check, underWay)}
	for range workers {
		group.Go(c.hash)
	}
	group.Go(func() error {
		for check := range c.order {
			if check.done != nil {
				select {
				case <-check.done:
				case <-ctx.Done():
					return context.Cause(ctx)
				}
			}
			if err := errors.Join(check.err, take(check)); err != nil {
				return err
			}
		}
		return nil
	})
	return c, ctx
}

// put hands a check over.
func (c *checks) put(check *check) error {
	if check.file >= 0 {
		check.done = make(chan struct{})
		select {
		case c.work <- check:
		case <-c.ctx.Done():
			_ = unix.Close(check.file)
			return context.Cause(c.ctx)
		}
	}
	select {
	case c.order <- check:
		return nil
	case <-c.ctx.Done():
		return context.Cause(c.ctx)
	}
}

// end waits for all that was put, or gives it up when err, with which the putting
// ended, is an error. It returns what went wrong first.
func (c *checks) end(err error) error {
	defer c.cancel(nil)
	givenUp := err != nil && c.ctx.Err() == nil
	if givenUp {
		c.cancel(err)
	}
	close(c.work)
	close(c.order)
	if failed := c.group.Wait(); failed != nil && !givenUp {
		return failed
	}
	return err
}
