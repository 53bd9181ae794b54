package snapshot

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/retention"
	"github.com/backube/scribe-gen/steps/internal/volume"
)

// PruneStore is what Prune needs of a site.
type PruneStore interface {
	volume.Snapshotter
	volume.Collector
	volume.States
}

// Prune removes what killed runs left of replica snapshots, and applies retention
// once the latest one is ready.
func Prune(ctx context.Context, store PruneStore, c *contract.SnapshotPrune, log *slog.Logger) (contract.Outcome, error) {
	state, _, err := store.Load(ctx, c.Relationship)
	if err != nil || state.Promoted != nil {
		return nothing(whilePromoted), err
	}
	left, err := collect(ctx, store, c, state.Last, log)
	if err != nil {
		return contract.Outcome{}, err
	}
	out, err := retain(ctx, store, c, log)
	if len(left) > 0 {
		out.Outcome = contract.ResultDone
		out.Reason += "; removed what killed runs left: " + strings.Join(left, ", ")
	}
	return out, err
}

// collect removes what runs left that were killed while they cut their replica
// snapshot. Before the first commit any run may still come back for its own.
func collect(ctx context.Context, store volume.Collector, c *contract.SnapshotPrune, last *contract.Commit, log *slog.Logger) ([]string, error) {
	if last == nil {
		return nil, nil
	}
	left, err := store.RemoveUncut(ctx, c.Claim, c.Relationship, *last)
	if len(left) > 0 {
		log.Info("removed what killed runs left", "names", left)
	}
	return left, err
}

// retain applies retention once the latest replica snapshot is ready.
func retain(ctx context.Context, store PruneStore, c *contract.SnapshotPrune, log *slog.Logger) (contract.Outcome, error) {
	policy := retention.Policy(c.Retain)
	if policy == (retention.Policy{}) {
		return nothing("no rule was given, so every replica snapshot is kept"), nil
	}
	snapshots, err := store.Snapshots(ctx, c.Claim, c.Relationship)
	if err != nil {
		return contract.Outcome{}, err
	}
	if len(snapshots) == 0 {
		return nothing("there is no replica snapshot yet"), nil
	}
	if err := waitReady(ctx, store, c, snapshots[0].Name); err != nil {
		return contract.Outcome{}, err
	}
	// What was not ready before the wait may be now.
	if snapshots, err = store.Snapshots(ctx, c.Claim, c.Relationship); err != nil {
		return contract.Outcome{}, err
	}
	keep, drop := retention.Keep(snapshots, policy)
	out := contract.Outcome{}
	if len(keep) > 0 {
		out.Snapshot, out.RecoveryPoint = keep[0].Name, &keep[0].RecoveryPoint
	}
	for i, s := range drop {
		// A promotion that began meanwhile may have chosen any of them.
		if promoted, err := isPromoted(ctx, store, c.Relationship); err != nil || promoted {
			out.Reason = fmt.Sprintf("removed %d of %d replica snapshots; %s", i, len(drop), whilePromoted)
			return out, err
		}
		log.Info("removing replica snapshot", "snapshot", s.Name, "recoveryPoint", s.RecoveryPoint)
		if err := store.DeleteSnapshot(ctx, c.Claim, s.Name); err != nil {
			return out, err
		}
	}
	if len(drop) == 0 {
		out.Outcome = contract.ResultNothing
	}
	out.Reason = fmt.Sprintf("kept %d replica snapshots, removed %d", len(keep), len(drop))
	return out, nil
}

const whilePromoted = "the relationship is promoted, so its replica snapshots are kept"

func nothing(reason string) contract.Outcome {
	return contract.Outcome{Outcome: contract.ResultNothing, Reason: reason}
}

func isPromoted(ctx context.Context, states volume.States, relationship string) (bool, error) {
	state, _, err := states.Load(ctx, relationship)
	return state.Promoted != nil, err
}

func waitReady(ctx context.Context, store volume.Snapshotter, c *contract.SnapshotPrune, name string) error {
	timeout := cmp.Or(c.Timeout, 30*time.Minute)
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf(
		"replica snapshot %s was not ready to use within %s, which --timeout changes: %w", name, timeout, context.DeadlineExceeded))
	defer cancel()
	return store.WaitReady(ctx, c.Claim, name)
}
