package kubernetes

import (
	"context"
	"fmt"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v4/apis/volumesnapshot/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/volume"
)

// RemoveUncut implements [volume.Collector].
func (s *Store) RemoveUncut(ctx context.Context, claim, relationship string, last contract.Commit) (removed []string, err error) {
	found, _, err := s.snapshots.List(ctx, replicaSnapshots(relationship))
	if err != nil {
		return nil, fmt.Errorf("list snapshots of claim %s that were not cut: %w", claim, err)
	}
	for _, f := range found {
		if claimOf(f) != claim {
			continue
		}
		gone, err := s.removeUncut(ctx, f, last)
		if err != nil {
			return removed, fmt.Errorf("delete snapshot %s of claim %s, which was not cut: %w", f.Name, claim, err)
		}
		if gone {
			removed = append(removed, f.Name)
		}
	}
	return removed, nil
}

// removeUncut deletes a snapshot if that may be done, and reports whether it did. It
// cannot take the snapshot away from a Cut that is under way: one that was marked since
// it was read is not deleted, and a Cut that marks one that is being deleted fails and
// is tried again. One that the snapshot controller has changed since is looked at anew.
func (s *Store) removeUncut(ctx context.Context, snapshot *snapshotv1.VolumeSnapshot, last contract.Commit) (bool, error) {
	for {
		switch {
		case deleting(snapshot) || marked(snapshot) || !overtaken(snapshot, last):
			return false, nil
		case !settled(snapshot):
			s.log.Info("left to the next run, as the driver may be making it", "snapshot", snapshot.Name)
			return false, nil
		}
		err := s.snapshots.DeleteUnchanged(ctx, snapshot)
		if !apierrors.IsConflict(err) {
			return err == nil, ignoreGone(err)
		}
		if snapshot, err = s.snapshots.Get(ctx, snapshot.Name); err != nil {
			return false, ignoreGone(err)
		}
	}
}

// settling is how long a driver may take to make a snapshot, or to say why not.
const settling = time.Hour

// settled reports whether the driver has done with a snapshot. One that is deleted
// while the driver makes it stays until the snapshotter looks at everything anew, some
// quarter of an hour later.
func settled(s *snapshotv1.VolumeSnapshot) bool {
	return isCut(s) || errorOf(s) != "" || time.Since(s.CreationTimestamp.Time) > settling
}

// overtaken reports whether the run of a snapshot that was not cut can commit no
// more, as the last one refuses it as stale. Whoever wants to keep such a snapshot
// labels it, as others.
func overtaken(s *snapshotv1.VolumeSnapshot, last contract.Commit) bool {
	point, err := recoveryPoint(s)
	kept := volume.Snapshot{SnapshotRecord: contract.SnapshotRecord{Labels: s.Labels}}.Keep()
	return err == nil && !kept && s.Labels[contract.LabelRun] != last.Run && !point.After(last.RecoveryPoint)
}
