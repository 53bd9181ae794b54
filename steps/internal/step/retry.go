package step

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/backube/scribe-gen/steps/contract"
)

// Defaults of durations that the environment does not give.
const (
	defaultBackoff    = 20 * time.Second
	defaultMaxBackoff = 5 * time.Minute
)

// retries is how a step tries again by itself. The zero value does not.
type retries struct {
	own     bool // the step makes its attempts itself
	left    int
	timeout time.Duration // of one attempt; 0 for no limit
	backoff *backoff.ExponentialBackOff
}

// retriesFrom reads what the engine set. A limit below 0 is none.
func retriesFrom(getenv func(string) string) (retries, error) {
	text := getenv(contract.RetryLimitVariable)
	if text == "" {
		return retries{}, nil
	}
	limit, err := strconv.Atoi(text)
	if err != nil {
		return retries{}, Usage("%s=%s: must be a number", contract.RetryLimitVariable, text)
	}
	if limit < 0 {
		return retries{}, nil
	}
	wait := backoff.NewExponentialBackOff()
	wait.Multiplier, wait.RandomizationFactor = 2, 0
	if wait.InitialInterval, err = durationFrom(getenv, contract.RetryBackoffVariable, defaultBackoff); err != nil {
		return retries{}, err
	}
	if wait.MaxInterval, err = durationFrom(getenv, contract.RetryMaxBackoffVariable, defaultMaxBackoff); err != nil {
		return retries{}, err
	}
	wait.InitialInterval = min(wait.InitialInterval, wait.MaxInterval)
	timeout, err := durationFrom(getenv, contract.AttemptTimeoutVariable, 0)
	if err != nil {
		return retries{}, err
	}
	return retries{own: true, left: limit, timeout: timeout, backoff: wait}, nil
}

func durationFrom(getenv func(string) string, variable string, or time.Duration) (time.Duration, error) {
	text := getenv(variable)
	if text == "" {
		return or, nil
	}
	d, err := time.ParseDuration(text)
	if err == nil && d <= 0 {
		err = fmt.Errorf("must be more than 0")
	}
	if err != nil {
		return 0, Usage("%s=%s: %w", variable, text, err)
	}
	return d, nil
}

// after returns how long to wait before the attempt that follows one with the exit
// code, and false when none does.
func (r *retries) after(code int) (time.Duration, bool) {
	if code != contract.ExitFailed || r.left == 0 {
		return 0, false
	}
	r.left--
	return r.backoff.NextBackOff(), true
}

// limit returns the context of one attempt.
func (r *retries) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	if r.timeout == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, r.timeout, &attemptTimeout{r.timeout})
}

// attemptTimeout is why an attempt was ended.
type attemptTimeout struct{ after time.Duration }

func (e *attemptTimeout) Error() string {
	return fmt.Sprintf("the attempt did not end within %s (%s)", e.after, contract.AttemptTimeoutVariable)
}
