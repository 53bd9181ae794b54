package objectstore

import (
	"context"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/rclone/rclone/fs"
)

// How long to try what rclone does not repeat by itself.
const (
	firstPause = 250 * time.Millisecond
	maxPause   = 20 * time.Second
	maxTrying  = 10 * time.Minute
)

// again does something until it succeeds, fails for good, or was tried as often
// as rclone's low-level retries say.
func again[T any](ctx context.Context, s *Store, what string, do func() (T, error)) (T, error) {
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval, pause.Multiplier = firstPause, maxPause, 2
	attempt := func() (T, error) {
		result, err := do()
		if err != nil && (ctx.Err() != nil || !isTransient(err)) {
			return result, backoff.Permanent(err)
		}
		return result, err
	}
	return backoff.Retry(ctx, attempt, backoff.WithBackOff(pause),
		backoff.WithMaxTries(uint(fs.GetConfig(s.settings).LowLevelRetries)), backoff.WithMaxElapsedTime(maxTrying),
		backoff.WithNotify(func(err error, wait time.Duration) {
			s.log.Warn("the object store did not do it: trying again", "what", what,
				"error", s.secrets.text(err.Error()), "wait", wait.Round(time.Millisecond).String())
		}))
}
