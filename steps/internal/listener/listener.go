// Package listener receives one run into a replica: an SSH server that answers
// the requests of package protocol, runs rsync as a receiver of the replica, and
// commits. It decides who may push what when; SSH itself is package link's, and
// what a commit does package commit's.
package listener

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/commit"
	"github.com/backube/scribe-gen/steps/internal/link"
	"github.com/backube/scribe-gen/steps/internal/protocol"
	"github.com/backube/scribe-gen/steps/internal/volume"
)

// Config is what a listener needs.
type Config struct {
	Committer *commit.Committer
	Keys      func() (link.Keys, error)
	// KeyUsed is called with the fingerprint of a client key that said hello.
	KeyUsed func(ctx context.Context, fingerprint string)
	// Listen is the address to listen on; Bound is called with the one that was
	// bound.
	Listen string
	Bound  func(net.Addr) error
	// Window is how long to wait for a run, Grace how long to answer after its
	// commit.
	Window, Grace time.Duration
	// Receiver is the command line that runs an rsync server with the arguments
	// that follow.
	Receiver []string
	Log      *slog.Logger
}

// Listener is one window of listening.
type Listener struct {
	Config
	ctx    context.Context
	volume *os.File // the lock on the replica, which children inherit

	commits sync.Mutex // one commit at a time

	mu       sync.Mutex
	current  *run
	done     *protocol.Committed
	fenced   error // set once the relationship is promoted or paused
	conns    map[*conn]struct{}
	closed   bool // the window is over
	finished chan struct{}
	once     sync.Once
	outcome  contract.Outcome
	err      error
}

// Run listens until a run is committed or aborted, or the window closes.
func Run(ctx context.Context, cfg Config) (contract.Outcome, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l := &Listener{Config: cfg, ctx: ctx, conns: map[*conn]struct{}{}, finished: make(chan struct{})}
	release, err := l.lock(ctx)
	if err != nil {
		return contract.Outcome{}, err
	}
	defer release()
	if err := l.watch(ctx, release); err != nil {
		return contract.Outcome{}, err
	}
	socket, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return contract.Outcome{}, fmt.Errorf("listen on %s: %w", cfg.Listen, err)
	}
	if err := cfg.Bound(socket.Addr()); err != nil {
		_ = socket.Close()
		return contract.Outcome{}, err
	}
	cfg.Log.Info("listening", "address", socket.Addr().String(), "window", cfg.Window.String())
	window := time.AfterFunc(cfg.Window, l.closeWindow)
	defer window.Stop()
	return l.serve(ctx, cancel, socket)
}

// serve accepts connections until the listener has finished or ctx ends.
func (l *Listener) serve(ctx context.Context, cancel context.CancelFunc, socket net.Listener) (contract.Outcome, error) {
	server := &link.Server{Keys: l.Keys, Connected: l.connected, Log: l.Log}
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx, socket) }()
	select {
	case <-l.finished:
		cancel()
		<-served
		return l.outcome, l.err
	case err := <-served:
		l.mu.Lock()
		done := l.done
		l.mu.Unlock()
		switch {
		case done != nil: // stopped within the grace period
			return done.Outcome("run " + done.Run + " is committed"), nil
		case err == nil:
			err = fmt.Errorf("stopped while listening: %w", context.Cause(ctx))
		}
		return contract.Outcome{}, err
	}
}

// lock takes the replica for this listener and its children, which waits for the
// children of one that was killed.
func (l *Listener) lock(ctx context.Context) (func(), error) {
	release, file, err := l.Committer.LockReplica(ctx)
	if err != nil {
		return nil, err
	}
	l.volume = file
	return release, nil
}

// watch ends data transfer as soon as the relationship is promoted or paused,
// and gives the replica back.
func (l *Listener) watch(ctx context.Context, release func()) error {
	states, err := l.Committer.Store.Watch(ctx, l.Committer.Relationship)
	if err != nil {
		return err
	}
	go func() {
		fenced := false
		for s := range states {
			stopped := s.Promoted != nil || s.Paused != nil
			if stopped && !fenced {
				l.fence(release)
			}
			if fenced && !stopped { // the replica was given back: another listener's turn
				l.finish(nothing("the relationship was resumed"), nil)
			}
			fenced = stopped
		}
	}()
	return nil
}

// fence stops the run under way. The listener then stays for the grace period,
// or the window when no run was there yet, only to say why it refuses.
func (l *Listener) fence(release func()) {
	l.mu.Lock()
	run := l.current
	l.fenced = errFenced
	l.mu.Unlock()
	l.Log.Info("the relationship was promoted or paused: refusing pushes")
	if run != nil {
		run.stop()
		_ = run.wait(l.ctx)
	}
	// A commit under way still cuts its snapshot, which the promotion then finds;
	// it is not recorded any more.
	l.commits.Lock()
	defer l.commits.Unlock()
	release()
	l.quiet()
	if run != nil {
		l.endAfterGrace("the relationship was promoted or paused during the run")
	}
}

// quiet tells a promotion that this listener writes no more. One that does not hear
// of it waits for the listener's end.
func (l *Listener) quiet() {
	_, err := volume.Update(l.ctx, l.Committer.Store, l.Committer.Relationship, func(s *contract.State) error {
		if s.Promoted == nil || s.Promoted.Quiet {
			return errToldBefore
		}
		s.Promoted.Quiet = true
		return nil
	})
	if err != nil && !errors.Is(err, errToldBefore) {
		l.Log.Warn("the promotion could not be told that nothing is written any more", "error", err.Error())
	}
}

var errToldBefore = errors.New("the promotion knows, or there is none")

// endAfterGrace ends the listener with nothing done, but not during a commit.
func (l *Listener) endAfterGrace(reason string) {
	time.AfterFunc(l.Grace, func() {
		l.commits.Lock()
		defer l.commits.Unlock()
		l.finish(nothing(reason), nil)
	})
}

// told ends a listener that had only to say that the relationship is promoted or
// paused, once a source has heard it.
func (l *Listener) told(err error) {
	switch r := refusal(err); r.Code {
	case contract.RefusedPromoted, contract.RefusedPaused:
		l.endAfterGrace("a run was refused: " + r.Message)
	}
}

var errFenced = errors.New("promoted or paused")

// closeWindow ends the listener unless a run is under way; then the end of its
// last connection, or of its commit, does.
func (l *Listener) closeWindow() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.endIfIdle()
}

// endIfIdle ends a listener whose window is closed and whom nobody needs: not a
// client, and not a commit whose client has left.
func (l *Listener) endIfIdle() {
	if !l.commits.TryLock() { // whoever holds it asks again
		return
	}
	defer l.commits.Unlock()
	l.mu.Lock()
	idle := l.closed && (l.current == nil || !l.connectedFor(l.current)) && l.done == nil
	l.mu.Unlock()
	if idle {
		l.finish(nothing("the window of "+l.Window.String()+" closed without a commit"), nil)
	}
}

func nothing(reason string) contract.Outcome {
	return contract.Outcome{Outcome: contract.ResultNothing, Reason: reason}
}

// finish ends the listener with its first outcome.
func (l *Listener) finish(out contract.Outcome, err error) {
	l.once.Do(func() {
		l.outcome, l.err = out, err
		close(l.finished)
	})
}
