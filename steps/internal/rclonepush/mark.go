package rclonepush

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/backube/scribe-gen/steps/internal/objectstore"
)

// The marker of a push says at these intervals that the push is at work, in a
// fraction of the time after which it would count as given up.
const (
	beatFraction = 4
	minBeat      = time.Second
	maxBeat      = 10 * time.Minute
)

// mark prepares begin, which is called before the first write to the store: a push
// that finds nothing new leaves no marker. From then on the marker is kept alive
// until stop is called; the context ends when the push counts as given up.
func (u *upload) mark(ctx context.Context) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	var beating sync.WaitGroup
	u.begin = sync.OnceValues(func() (bool, error) {
		marker := objectstore.Push{Name: u.name, Run: u.args.Run, Started: time.Now().UTC()}
		if u.parent != nil {
			marker.Parent = u.parent.Number
		}
		resumed, err := u.store.Begin(ctx, marker)
		if err != nil {
			return false, err
		}
		u.begun.Store(true)
		u.env.Log.Info("uploading", "layer", u.name, "resumed", resumed)
		beating.Go(func() { u.beat(ctx, cancel) })
		return resumed, nil
	})
	return ctx, func() {
		cancel(nil)
		beating.Wait()
	}
}

// beat keeps the marker alive.
func (u *upload) beat(ctx context.Context, cancel context.CancelCauseFunc) {
	ticker := time.NewTicker(max(minBeat, min(maxBeat, u.args.Grace/beatFraction)))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		err := u.store.Alive(ctx, u.name)
		switch {
		case errors.Is(err, objectstore.ErrGone):
			cancel(err)
			return
		case err != nil && ctx.Err() == nil:
			u.env.Log.Warn("the marker of this push could not be renewed; trying again later", "error", err.Error())
		}
	}
}

// givenUp says so where a push fails because it was taken for given up.
func (u *upload) givenUp(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); errors.Is(cause, objectstore.ErrGone) {
		err = cause
	}
	if errors.Is(err, objectstore.ErrGone) {
		return fmt.Errorf("this push did not show itself for --grace=%s and counts as given up: %w", u.args.Grace, err)
	}
	return err
}
