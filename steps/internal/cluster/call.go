package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/klog/v2"
)

const (
	// patience is how long a request is repeated that the API server does not
	// answer; a restart of the API server takes about a minute.
	patience = 4 * time.Minute
	// grace is how long a request is repeated that the API server forbids: one that
	// has just started does so until it has read its roles.
	grace = 15 * time.Second
	// requestTimeout bounds one attempt.
	requestTimeout = 30 * time.Second
)

// Delays grow from a tenth of a second to six seconds.
func Delays() wait.DelayFunc {
	return wait.Backoff{Duration: 100 * time.Millisecond, Factor: 2, Jitter: 0.2, Steps: 6}.DelayFunc()
}

// caller makes requests.
type caller struct {
	log             *slog.Logger
	patience, grace time.Duration
	// absent makes the error of a resource that the cluster does not have.
	absent func(error) error
}

func newCaller(log *slog.Logger) caller {
	return caller{log: log, patience: patience, grace: grace, absent: func(err error) error {
		return fmt.Errorf("%w; the cluster has no such resource: its CustomResourceDefinition is missing", err)
	}}
}

// call makes a request and repeats it while the API server cannot answer. A
// request whose answer was lost may have been carried out.
func (c caller) call(ctx context.Context, verb, what string, request func(context.Context) error) error {
	return c.stream(ctx, verb, what, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, requestTimeout)
		defer cancel()
		return request(ctx)
	})
}

// stream is call without a bound for one attempt.
func (c caller) stream(ctx context.Context, verb, what string, request func(context.Context) error) error {
	// What client-go would log is in the error; it would break the JSON of our log.
	ctx = klog.NewContext(ctx, klog.Logger{})
	began, asked, last := time.Now(), false, error(nil)
	err := Delays().Until(ctx, true, true, func(ctx context.Context) (bool, error) {
		err := request(ctx)
		if err == nil || ctx.Err() != nil || !c.worthRepeating(err, time.Since(began)) {
			return true, err
		}
		if last = err; !asked {
			asked = true
			c.log.Warn("the API server did not answer; asking again", "verb", verb, "object", what, "error", err.Error())
		}
		return false, nil
	})
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil && last != nil:
		return fmt.Errorf("%s %s: %w; the last answer was: %w", verb, what, context.Cause(ctx), last)
	case ctx.Err() != nil:
		return fmt.Errorf("%s %s: %w", verb, what, context.Cause(ctx))
	}
	return c.explain(verb, what, err)
}

// worthRepeating reports whether a request may succeed if it is made again.
func (c caller) worthRepeating(err error, after time.Duration) bool {
	switch {
	case unanswered(err):
		return after < c.patience
	case apierrors.IsUnauthorized(err) || lacksRight(err):
		return after < c.grace
	}
	return false
}

// unanswered reports whether the API server was not reached, or could not say yes
// or no.
func unanswered(err error) bool {
	var transport *url.Error
	switch {
	case errors.As(err, &transport), errors.Is(err, context.DeadlineExceeded):
		return true
	case apierrors.IsServerTimeout(err), apierrors.IsTimeout(err), apierrors.IsTooManyRequests(err),
		apierrors.IsServiceUnavailable(err), apierrors.IsInternalError(err):
		return true
	}
	var status apierrors.APIStatus
	return errors.As(err, &status) && status.Status().Code >= 500
}

// unlessExpired hides that a version is too old to be watched from, which another
// List mends.
func (c caller) unlessExpired(err error) error {
	if apierrors.IsResourceExpired(err) || apierrors.IsGone(err) {
		return nil
	}
	return err
}
