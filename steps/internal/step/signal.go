package step

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
)

// stopped is why a context ended that a signal cancelled.
type stopped struct{ signal syscall.Signal }

func (s *stopped) Error() string { return s.signal.String() + " signal received" }

// Is makes it a cancellation like any other.
func (s *stopped) Is(target error) bool { return target == context.Canceled }

// untilSignal returns a context that the first of the signals cancels. From then on
// they do what they do by default, so that a second one ends the process.
func untilSignal(parent context.Context, signals ...os.Signal) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	received := make(chan os.Signal, 1)
	signal.Notify(received, signals...)
	go func() {
		defer signal.Stop(received)
		select {
		case s := <-received:
			number, _ := s.(syscall.Signal)
			cancel(&stopped{number})
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(context.Canceled) }
}

// exitOfSignal is the exit code of a process that ended because of the signal that
// cancelled ctx, as shells have it, and false if none did.
func exitOfSignal(ctx context.Context) (int, bool) {
	var s *stopped
	if !errors.As(context.Cause(ctx), &s) {
		return 0, false
	}
	return 128 + int(s.signal), true
}
