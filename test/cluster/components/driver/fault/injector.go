package fault

import (
	"context"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Injector applies faults to calls. What it remembers of a name ends with the
// process.
type Injector struct {
	mu    sync.Mutex
	calls map[string]*history
}

// history is what an Injector remembers of a name.
type history struct {
	first  time.Time
	failed int
}

// NewInjector returns an Injector that has seen no call.
func NewInjector() *Injector { return &Injector{calls: map[string]*history{}} }

// Inject makes a call for name wait and fail as f says. The delay counts from the
// first call for the name, so that a caller that gives up and calls again gets
// through. The error carries a gRPC status; that of ctx when it ends first.
func (i *Injector) Inject(ctx context.Context, name string, f Fault) error {
	if err := i.wait(ctx, name, f.Delay); err != nil {
		return err
	}
	if f.Code == codes.OK {
		return nil
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	seen := i.calls[name]
	if f.Times > 0 && seen.failed >= f.Times {
		return nil
	}
	seen.failed++
	return status.Error(f.Code, f.Message)
}

func (i *Injector) wait(ctx context.Context, name string, delay time.Duration) error {
	i.mu.Lock()
	seen, ok := i.calls[name]
	if !ok {
		seen = &history{first: time.Now()}
		i.calls[name] = seen
	}
	rest := time.Until(seen.first.Add(delay))
	i.mu.Unlock()
	if rest <= 0 {
		return nil
	}
	timer := time.NewTimer(rest)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		err := fmt.Errorf("wait %s for the delay of %s: %w", rest, name, ctx.Err())
		return status.Error(status.FromContextError(ctx.Err()).Code(), err.Error())
	}
}
