package kubernetes

import (
	"context"
	"fmt"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v4/apis/volumesnapshot/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/volume"
)

// RemoveUncut implements [volume.Collector]. It cannot take a snapshot away from a
// Cut that is under way: one that is marked after it was listed is not deleted, and a
// Cut that marks one that is being deleted fails and is tried again.
func (s *Store) RemoveUncut(ctx context.Context, claim, relationship string, last contract.Commit) (removed []string, err error) {
	found, _, err := s.snapshots.list(ctx, replicaSnapshots(relationship))
	if err != nil {
		return nil, fmt.Errorf("list snapshots of claim %s that were not cut: %w", claim, err)
	}
	for _, f := range found {
		if claimOf(f) != claim || deleting(f) || marked(f) || !overtaken(f, last) {
			continue
		}
		switch err := s.snapshots.deleteUnchanged(ctx, f); {
		case apierrors.IsConflict(err):
			s.log.Info("left alone, as it has just changed", "snapshot", f.Name)
		case ignoreGone(err) != nil:
			return removed, fmt.Errorf("delete snapshot %s of claim %s, which was not cut: %w", f.Name, claim, err)
		default:
			removed = append(removed, f.Name)
		}
	}
	return removed, nil
}

// overtaken reports whether the run of a snapshot that was not cut can commit no
// more, as the last one refuses it as stale. Whoever wants to keep such a snapshot
// labels it, as others.
func overtaken(s *snapshotv1.VolumeSnapshot, last contract.Commit) bool {
	point, err := recoveryPoint(s)
	kept := volume.Snapshot{SnapshotRecord: contract.SnapshotRecord{Labels: s.Labels}}.Keep()
	return err == nil && !kept && s.Labels[contract.LabelRun] != last.Run && !point.After(last.RecoveryPoint)
}
