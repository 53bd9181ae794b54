package listener

import (
	"context"
	"fmt"
	"time"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/privilege"
	"github.com/backube/scribe-gen/steps/internal/protocol"
	"github.com/backube/scribe-gen/tree"
)

// hello admits a run, or says why not.
func (c *conn) hello(ctx context.Context, request protocol.Request) reply {
	var h protocol.Hello
	if err := request.Decode(&h); err != nil {
		return reply{err: err}
	}
	if err := c.l.check(h); err != nil {
		return reply{err: err}
	}
	c.l.KeyUsed(ctx, c.peer.Key)
	// A retry must not write to the replica while an earlier attempt's commit
	// makes a snapshot of it; it will hear that the run is committed.
	if !c.l.commits.TryLock() {
		return reply{err: refuse(contract.RefusedBusy, "a commit is under way")}
	}
	defer func() {
		c.l.commits.Unlock()
		time.AfterFunc(answerTime, c.l.endIfIdle) // who found the lock held did not ask
	}()
	state, done, err := c.l.Committer.Admit(ctx, h.Run, h.RecoveryPoint)
	if err != nil {
		c.l.told(err)
		return reply{err: err}
	}
	w := protocol.Welcome{
		Protocol: protocol.Version, Relationship: c.l.Committer.Relationship, Committed: done,
		Requests: []string{protocol.RequestRsync, protocol.RequestSurvey, protocol.RequestLane, protocol.RequestDone}, Keeps: privilege.Keeps(),
		Changed: state.Writing != nil,
	}
	if state.Last != nil {
		w.LastRun, w.LastRecoveryPoint, w.LastDigest = state.Last.Run, &state.Last.RecoveryPoint, state.Last.Digest
	}
	if done != nil {
		c.l.repeated(*done)
		return reply{answer: w}
	}
	r, err := c.l.admit(c, h)
	if err != nil {
		return reply{err: err}
	}
	w.Session = r.session
	if w.Empty, err = tree.Empty(c.l.Committer.Replica.Root); err != nil {
		return reply{err: err}
	}
	c.l.Log.Info("run admitted", "run", h.Run, "recoveryPoint", h.RecoveryPoint, "peer", c.peer.Address)
	return reply{answer: w}
}

// skew is how far ahead the source's clock may be. Runs are compared by the
// source's clock alone; but one recovery point from a clock that is years ahead,
// once committed, would make every later run stale.
const skew = time.Hour

// check refuses what cannot be this listener's.
func (l *Listener) check(h protocol.Hello) error {
	switch err := contract.CheckRunID(h.Run); {
	case h.Protocol != protocol.Version:
		return refuse(contract.RefusedVersion, "protocol %d is spoken here, not %d: use the same version of scribe-gen at both sites", protocol.Version, h.Protocol)
	case h.Relationship != l.Committer.Relationship:
		return refuse(contract.RefusedRelationship, "this is the listener of %s, not of %q", l.Committer.Relationship, h.Relationship)
	case err != nil:
		return refuse(contract.RefusedRequest, "%v", err)
	case h.RecoveryPoint.IsZero():
		return refuse(contract.RefusedRequest, "the hello of run %s has no recoveryPoint", h.Run)
	case time.Until(h.RecoveryPoint) > skew:
		return refuse(contract.RefusedClock, "the recovery point %s of run %s is in the future: the time here is %s; set the source's clock",
			h.RecoveryPoint.Format(time.RFC3339), h.Run, time.Now().UTC().Format(time.RFC3339))
	}
	return nil
}

// preemptTimeout bounds the wait for an earlier attempt's data requests to end
// after its connections were dropped.
const preemptTimeout = 30 * time.Second

// admit makes the hello's run the current one. An earlier attempt of the same
// run is dropped, as it is dead or will be: a push has one live attempt. Another
// run is only replaced when nobody is connected for it.
func (l *Listener) admit(c *conn, h protocol.Hello) (*run, error) {
	l.mu.Lock()
	old := l.current
	switch {
	case l.fenced != nil: // the state said so a moment ago
		l.mu.Unlock()
		return nil, refuse(contract.RefusedBusy, "the relationship has just been promoted or paused")
	case l.done != nil:
		l.mu.Unlock()
		return nil, refuse(contract.RefusedBusy, "run %s was committed and the listener is about to end: the next one takes run %s", l.done.Run, h.Run)
	case old != nil && old.id != h.Run && l.connectedFor(old):
		l.mu.Unlock()
		return nil, refuse(contract.RefusedBusy, "run %s is under way", old.id)
	}
	fresh := newRun(l.ctx, h.Run, h.RecoveryPoint)
	l.current = fresh
	dropped := l.dropOthers(c)
	c.run = fresh
	l.mu.Unlock()
	for _, other := range dropped {
		other.drop()
	}
	if old == nil {
		return fresh, nil
	}
	old.close()
	old.stop()
	ctx, cancel := context.WithTimeoutCause(l.ctx, preemptTimeout, fmt.Errorf("not over after %s", preemptTimeout))
	defer cancel()
	if err := old.wait(ctx); err != nil {
		return nil, fmt.Errorf("end the earlier attempt of run %s: %w", old.id, err)
	}
	return fresh, nil
}

// connectedFor reports whether a connection serves r. The caller holds l.mu.
func (l *Listener) connectedFor(r *run) bool {
	for c := range l.conns {
		if c.run == r {
			return true
		}
	}
	return false
}

// dropOthers returns the connections that belong to earlier attempts: all but
// the one that says hello now. The caller holds l.mu.
func (l *Listener) dropOthers(keep *conn) []*conn {
	var others []*conn
	for c := range l.conns {
		if c != keep && c.run != nil {
			others = append(others, c)
		}
	}
	return others
}
