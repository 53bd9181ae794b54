package listener

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/protocol"
	"github.com/backube/scribe-gen/steps/internal/step"
)

// drainTimeout bounds the wait for data requests to end once a commit is asked
// for; a client commits after its rsync has ended.
const drainTimeout = time.Minute

// commit makes the current run a recovery point. It goes on when the client that
// asked for it leaves: a repeated commit then hears the result.
func (c *conn) commit(request protocol.Request) reply {
	var req protocol.Commit
	if err := request.Decode(&req); err != nil {
		return reply{err: err}
	}
	c.l.commits.Lock()
	defer c.l.endIfIdle() // last, for a client that has left meanwhile
	defer c.l.commits.Unlock()
	r, done, err := c.l.toCommit(req)
	if err != nil {
		return reply{err: err}
	}
	if done != nil {
		return reply{answer: done}
	}
	r.close()
	result, err := c.l.commitRun(r, req)
	if err != nil {
		r.reopen()
		return reply{err: err}
	}
	c.l.committed(result)
	return reply{answer: result}
}

// toCommit finds the run of a commit: one that was committed a moment ago, or
// the current one.
func (l *Listener) toCommit(req protocol.Commit) (*run, *protocol.Committed, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.done != nil && l.done.Run == req.Run:
		return nil, l.done, nil
	case l.current == nil || l.current.id != req.Run:
		return nil, nil, refuse(contract.RefusedFinished, "run %q was not admitted here: say hello first", req.Run)
	case !l.current.at.Equal(req.RecoveryPoint):
		return nil, nil, refuse(contract.RefusedRequest, "run %s was admitted with the recovery point %s", req.Run, l.current.at.Format(time.RFC3339Nano))
	}
	return l.current, nil, nil
}

func (l *Listener) commitRun(r *run, req protocol.Commit) (protocol.Committed, error) {
	ctx, cancel := context.WithTimeoutCause(l.ctx, drainTimeout, fmt.Errorf("not over after %s", drainTimeout))
	defer cancel()
	if err := r.wait(ctx); err != nil {
		return protocol.Committed{}, fmt.Errorf("wait for the data requests of run %s: %w", req.Run, err)
	}
	return l.Committer.Commit(l.ctx, req)
}

// committed lets the listener end after the grace period.
func (l *Listener) committed(done protocol.Committed) {
	l.mu.Lock()
	first := l.done == nil
	if first {
		l.done = &done
	}
	l.mu.Unlock()
	if !first {
		return
	}
	time.AfterFunc(l.Grace, func() { l.finish(done.Outcome("run "+done.Run+" is committed"), nil) })
}

// repeated lets the listener end when a source hears of a commit that was made
// before this listener began, unless another run is under way.
func (l *Listener) repeated(done protocol.Committed) {
	l.mu.Lock()
	other := l.current != nil && l.current.id != done.Run
	l.mu.Unlock()
	if !other {
		l.committed(done)
	}
}

// done ends the listener before its grace period is over: the source has the
// answer to its commit, and the next run may have its own listener.
func (c *conn) done(request protocol.Request) reply {
	var req protocol.Done
	if err := request.Decode(&req); err != nil {
		return reply{err: err}
	}
	c.l.mu.Lock()
	done := c.l.done
	c.l.mu.Unlock()
	if done == nil || done.Run != req.Run {
		return reply{err: refuse(contract.RefusedFinished, "run %q is not committed here", req.Run)}
	}
	time.AfterFunc(answerTime, func() { c.l.finish(done.Outcome("run "+done.Run+" is committed"), nil) })
	return reply{answer: struct{}{}}
}

// abort ends the current run for good, and the listener with it.
func (c *conn) abort(request protocol.Request) reply {
	var a protocol.Abort
	if err := request.Decode(&a); err != nil {
		return reply{err: err}
	}
	c.l.mu.Lock()
	r := c.l.current
	mine := r != nil && r.id == a.Run && c.l.done == nil
	c.l.mu.Unlock()
	if mine && !c.l.commits.TryLock() {
		return reply{err: refuse(contract.RefusedBusy, "a commit of run %s is under way", a.Run)}
	}
	if mine {
		defer c.l.commits.Unlock()
	}
	if !mine {
		return reply{err: refuse(contract.RefusedFinished, "run %q is not under way here", a.Run)}
	}
	r.close()
	r.stop()
	err := step.Refuse(contract.RefusedAborted, "run %s was ended by the source: %w", a.Run, errors.New(a.Reason))
	time.AfterFunc(answerTime, func() { c.l.finish(contract.Outcome{}, err) })
	return reply{answer: struct{}{}}
}

// answerTime is how long the answer to the last request has to reach the client
// before the listener closes its connections.
const answerTime = 200 * time.Millisecond
