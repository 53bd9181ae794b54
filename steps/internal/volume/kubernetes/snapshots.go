package kubernetes

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v4/apis/volumesnapshot/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/volume"
)

// Cut implements [volume.Snapshotter]. The VolumeSnapshot belongs to no run: it
// stays when the run's objects go. It counts from the moment Cut has seen it cut
// and marked it; until then Snapshots does not return it. If the process is killed
// before, only the same run can finish it, as nobody else knows that the replica
// was at rest when it was cut.
func (s *Store) Cut(ctx context.Context, req volume.CutRequest) (volume.Snapshot, error) {
	snapshot, err := s.cut(ctx, req)
	var u *unable
	if errors.As(err, &u) {
		err = inapt("%w; set volumeSnapshotClassName, or use copyMethod Direct for the destination", err)
	}
	if err != nil {
		return volume.Snapshot{}, fmt.Errorf("cut replica snapshot %s of claim %s: %w", req.Name, req.Claim, err)
	}
	return snapshot, nil
}

func (s *Store) cut(ctx context.Context, req volume.CutRequest) (volume.Snapshot, error) {
	claim, err := s.claim(ctx, req.Claim)
	if err != nil {
		return volume.Snapshot{}, err
	}
	snapshot, err := s.snapshotOf(ctx, req.Claim, driverOf(claim), req.Class)
	if err != nil {
		return volume.Snapshot{}, err
	}
	snapshot.ObjectMeta = metav1.ObjectMeta{
		Name: req.Name, Labels: labels(req.Owner, nil), Annotations: annotations(req),
	}
	there, err := ensure(ctx, s.snapshots, snapshot)
	if err != nil {
		return volume.Snapshot{}, err
	}
	if !sameRun(there, req.Owner) || claimOf(there) != req.Claim {
		return volume.Snapshot{}, fmt.Errorf("%w: %s", volume.ErrExists, describeOwner(there))
	}
	if there, err = s.awaitSnapshot(ctx, there.Name, "cut", isCut); err != nil {
		return volume.Snapshot{}, err
	}
	if there, err = s.mark(ctx, there); err != nil {
		return volume.Snapshot{}, err
	}
	if deleting(there) { // since before the mark, or else whoever deleted it had found it changed
		return volume.Snapshot{}, fmt.Errorf("VolumeSnapshot %s is being deleted", there.Name)
	}
	return record(there)
}

// annotations are what a replica snapshot tells of its content.
func annotations(req volume.CutRequest) map[string]string {
	a := map[string]string{
		contract.AnnotationRunID:         req.Run,
		contract.AnnotationRecoveryPoint: req.RecoveryPoint.UTC().Format(time.RFC3339Nano),
	}
	if req.Digest != "" {
		a[contract.AnnotationDigest] = req.Digest
	}
	if req.Generation != 0 {
		a[contract.AnnotationGeneration] = strconv.FormatInt(req.Generation, 10)
	}
	return a
}

// mark makes a snapshot that was cut count.
func (s *Store) mark(ctx context.Context, snapshot *snapshotv1.VolumeSnapshot) (*snapshotv1.VolumeSnapshot, error) {
	if marked(snapshot) {
		return snapshot, nil
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"uid":         snapshot.UID, // refuses another of that name
		"annotations": map[string]string{contract.AnnotationCut: now().Format(time.RFC3339Nano)},
	}})
	if err != nil {
		return nil, err
	}
	return s.snapshots.Merge(ctx, snapshot.Name, patch)
}

func marked(s *snapshotv1.VolumeSnapshot) bool { return s.Annotations[contract.AnnotationCut] != "" }

// record is what is known of a snapshot that was cut.
func record(s *snapshotv1.VolumeSnapshot) (volume.Snapshot, error) {
	point, err := recoveryPoint(s)
	if err != nil {
		return volume.Snapshot{}, err
	}
	created := s.CreationTimestamp
	if s.Status != nil && s.Status.CreationTime != nil {
		created = *s.Status.CreationTime
	}
	generation, _ := strconv.ParseInt(s.Annotations[contract.AnnotationGeneration], 10, 64) // 0 when there is none
	return volume.Snapshot{
		SnapshotRecord: contract.SnapshotRecord{
			Name: s.Name, Claim: claimOf(s), Digest: s.Annotations[contract.AnnotationDigest], Generation: generation,
			Replication:   s.Labels[contract.LabelReplication],
			Relationship:  s.Labels[contract.LabelRelationship],
			Run:           s.Annotations[contract.AnnotationRunID],
			RecoveryPoint: point, Created: created.UTC(), Labels: s.Labels,
		},
		Ready: isReady(s),
	}, nil
}

// Snapshots implements [volume.Snapshotter]. Those that are being deleted, or were
// not cut under a run's eyes, are not among them.
func (s *Store) Snapshots(ctx context.Context, claim, relationship string) ([]volume.Snapshot, error) {
	found, _, err := s.snapshots.List(ctx, replicaSnapshots(relationship))
	if err != nil {
		return nil, fmt.Errorf("list replica snapshots of claim %s: %w", claim, err)
	}
	var all []volume.Snapshot
	for _, f := range found {
		if claimOf(f) != claim || deleting(f) || !marked(f) {
			continue
		}
		snapshot, err := record(f)
		if err != nil {
			s.log.Warn("a replica snapshot does not count, as its annotations were changed", "snapshot", f.Name, "error", err.Error())
			continue
		}
		all = append(all, snapshot)
	}
	slices.SortFunc(all, func(a, b volume.Snapshot) int {
		return cmp.Or(b.RecoveryPoint.Compare(a.RecoveryPoint), b.Created.Compare(a.Created), strings.Compare(b.Name, a.Name))
	})
	return all, nil
}

// replicaSnapshots selects those of a relationship, whether they count or not.
func replicaSnapshots(relationship string) metav1.ListOptions {
	return metav1.ListOptions{
		LabelSelector: contract.LabelRelationship + "=" + relationship + ",!" + contract.LabelTemporary,
	}
}

// DeleteSnapshot implements [volume.Snapshotter]. It does not wait for the driver.
func (s *Store) DeleteSnapshot(ctx context.Context, claim, name string) error {
	snapshot, err := s.snapshots.Get(ctx, name)
	if err == nil && claimOf(snapshot) == claim {
		err = s.snapshots.Delete(ctx, snapshot)
	}
	if err := ignoreGone(err); err != nil {
		return fmt.Errorf("delete replica snapshot %s of claim %s: %w", name, claim, err)
	}
	return nil
}

// ignoreGone drops the error of deleting what is gone, or was replaced by another.
func ignoreGone(err error) error {
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	return err
}

// WaitReady implements [volume.Snapshotter]. Some drivers upload a snapshot for
// minutes after it was cut.
func (s *Store) WaitReady(ctx context.Context, claim, name string) error {
	snapshot, err := s.awaitSnapshot(ctx, name, "ready to use", isReady)
	if err == nil && claimOf(snapshot) != claim {
		err = fmt.Errorf("VolumeSnapshot %s is of claim %s: %w", name, claimOf(snapshot), volume.ErrNotFound)
	}
	if err != nil {
		return fmt.Errorf("wait for replica snapshot %s of claim %s: %w", name, claim, err)
	}
	return nil
}
