// Package commit turns what a replica holds into a recovery point, and refuses
// what must not become one. The listener and the copy step share it. It knows
// nothing of how the data came.
package commit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/protocol"
	"github.com/backube/scribe-gen/steps/internal/step"
	"github.com/backube/scribe-gen/steps/internal/volume"
)

// Store is the part of a volume store that a commit needs.
type Store interface {
	volume.Snapshotter
	volume.States
}

// Committer commits runs of one relationship.
type Committer struct {
	Store        Store
	Replication  string
	Relationship string
	Replica      contract.Replica
	// Backwards admits recovery points that are not after the last one: somebody
	// asked for an older state by name.
	Backwards bool
	Log       *slog.Logger
}

// lockTimeout bounds the wait for the children of a process that was killed to
// end.
const lockTimeout = time.Minute

// LockReplica takes the replica for this process and the children that are given
// the file; see volume.LockRoot.
func (c *Committer) LockReplica(ctx context.Context) (release func(), f *os.File, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, lockTimeout, fmt.Errorf("still locked after %s", lockTimeout))
	defer cancel()
	return volume.LockRoot(ctx, c.Replica.Root)
}

// Admit decides whether a run may be pushed. It returns the recorded commit when
// the run is committed already, and a *protocol.Refused when it may not be
// pushed.
func (c *Committer) Admit(ctx context.Context, run string, at time.Time) (contract.State, *protocol.Committed, error) {
	state, _, err := c.Store.Load(ctx, c.Relationship)
	if err != nil {
		return state, nil, err
	}
	return state, recorded(state, run), c.fence(state, run, at)
}

// fence refuses runs that the state does not allow. A run that is recorded is
// let through: its push must hear that it is done, not that it is stale.
func (c *Committer) fence(s contract.State, run string, at time.Time) error {
	switch {
	case s.Last != nil && s.Last.Run == run:
		return nil
	case s.Promoted != nil:
		return refuse(contract.RefusedPromoted, "%s was promoted to claim %s from %s at %s: nothing may be pushed until it is resumed or reversed",
			s.Relationship, s.Promoted.Claim, s.Promoted.Snapshot, s.Promoted.Time.Format(time.RFC3339))
	case s.Paused != nil:
		return refuse(contract.RefusedPaused, "%s has been paused since %s: %s", s.Relationship, s.Paused.Time.Format(time.RFC3339), s.Paused.Reason)
	case s.Last != nil && !c.Backwards && !at.After(s.Last.RecoveryPoint):
		return refuse(contract.RefusedStale, "run %s has the recovery point %s, but run %s with %s is committed already",
			run, at.Format(time.RFC3339Nano), s.Last.Run, s.Last.RecoveryPoint.Format(time.RFC3339Nano))
	}
	return nil
}

func recorded(s contract.State, run string) *protocol.Committed {
	if s.Last == nil || s.Last.Run != run {
		return nil
	}
	return &protocol.Committed{
		Run: run, RecoveryPoint: s.Last.RecoveryPoint, Snapshot: s.Last.Snapshot, Time: s.Last.Time,
	}
}

// Writing records that the run is about to change the replica. It must be called
// before the first byte: a run that ends without a commit leaves the record
// behind, and the next one knows that the replica is not what was committed last.
func (c *Committer) Writing(ctx context.Context, run string, at time.Time) error {
	_, err := volume.Update(ctx, c.Store, c.Relationship, func(s *contract.State) error {
		if err := c.fence(*s, run, at); err != nil {
			return err
		}
		if s.Writing != nil && s.Writing.Run == run {
			return errRecorded
		}
		w := contract.Writing{Run: run, Time: time.Now().UTC()}
		if s.Writing != nil {
			w.Time = s.Writing.Time
		}
		s.Writing = &w
		return nil
	})
	if err != nil && !errors.Is(err, errRecorded) {
		return fmt.Errorf("record that run %s writes to the replica: %w", run, err)
	}
	return nil
}

// Commit makes the replica's content the recovery point of the run: it syncs the
// file system, cuts the replica snapshot and records it. Nobody may write to the
// replica meanwhile. Called again for the same run, also by another process, it
// finishes what was begun and gives the same answer.
func (c *Committer) Commit(ctx context.Context, req protocol.Commit) (protocol.Committed, error) {
	if _, done, err := c.Admit(ctx, req.Run, req.RecoveryPoint); err != nil || done != nil {
		return deref(done), err
	}
	if err := syncFS(c.Replica.Root); err != nil {
		return protocol.Committed{}, err
	}
	entry := contract.Commit{
		Run: req.Run, RecoveryPoint: req.RecoveryPoint, Totals: req.Totals,
		Digest: req.Digest, Generation: req.Generation,
	}
	if c.Replica.CopyMethod != contract.MethodDirect {
		snapshot, err := c.cut(ctx, req)
		if err != nil {
			return protocol.Committed{}, err
		}
		// A snapshot that an earlier attempt cut keeps the recovery point it was
		// cut for.
		entry.Snapshot, entry.RecoveryPoint = snapshot.Name, snapshot.RecoveryPoint
	}
	state, err := volume.Update(ctx, c.Store, c.Relationship, func(s *contract.State) error {
		if err := c.fence(*s, req.Run, req.RecoveryPoint); err != nil {
			return err
		}
		if recorded(*s, req.Run) != nil {
			return errRecorded
		}
		entry.Time = time.Now().UTC()
		s.Last, s.Writing = &entry, nil
		return nil
	})
	if err != nil && !errors.Is(err, errRecorded) {
		return protocol.Committed{}, fmt.Errorf("record run %s: %w", req.Run, err)
	}
	done := recorded(state, req.Run)
	c.Log.Info("committed", "committedRun", req.Run, "recoveryPoint", done.RecoveryPoint, "snapshot", done.Snapshot)
	return *done, nil
}

var errRecorded = errors.New("recorded already")

func (c *Committer) cut(ctx context.Context, req protocol.Commit) (volume.Snapshot, error) {
	timeout := c.Replica.SnapshotTimeout
	if timeout <= 0 {
		timeout = 10 * time.Minute
	}
	name := contract.SnapshotName(c.Relationship, req.Run)
	if req.Generation != 0 {
		name = contract.PulledSnapshotName(c.Relationship, req.Run, req.Generation)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("not cut within %s (--snapshot-timeout)", timeout))
	defer cancel()
	snapshot, err := c.Store.Cut(ctx, volume.CutRequest{
		Owner: volume.Owner{Replication: c.Replication, Relationship: c.Relationship, Run: req.Run},
		Claim: c.Replica.Claim, Name: name, RecoveryPoint: req.RecoveryPoint, Class: c.Replica.SnapshotClass,
		Digest: req.Digest, Generation: req.Generation,
	})
	if err != nil {
		return snapshot, fmt.Errorf("cut replica snapshot %s of %s: %w", name, c.Replica.Claim, err)
	}
	return snapshot, nil
}

// syncFS writes everything of the file system that holds root to its device.
func syncFS(root string) error {
	f, err := os.Open(root)
	if err != nil {
		return fmt.Errorf("sync the replica: %w", err)
	}
	defer func() { _ = f.Close() }()
	if err := unix.Syncfs(int(f.Fd())); err != nil {
		return fmt.Errorf("sync the replica's file system at %s: %w", root, err)
	}
	return nil
}

func deref(done *protocol.Committed) protocol.Committed {
	if done == nil {
		return protocol.Committed{}
	}
	return *done
}

func refuse(code contract.Refusal, format string, args ...any) error {
	return &protocol.Refused{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Local gives a refusal the exit code that it has in the step which asked: over a
// connection the answer to the request has it.
func Local(err error) error {
	var r *protocol.Refused
	if errors.As(err, &r) && r.Code != "" {
		return step.Refuse(r.Code, "%w", err)
	}
	return err
}
