package kubernetes

import (
	"context"
	"fmt"
	"strings"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v4/apis/volumesnapshot/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/cluster"
	"github.com/backube/scribe-gen/steps/internal/volume"
)

// cutTemporary makes the VolumeSnapshot of a copy, or finds it, and waits until it
// can be restored.
func (c *copying) cutTemporary(ctx context.Context) (*snapshotv1.VolumeSnapshot, error) {
	snapshot, err := c.snapshotOf(ctx, c.source.Name, driverOf(c.source), c.SnapshotClass)
	if err != nil {
		return nil, err
	}
	snapshot.ObjectMeta = metav1.ObjectMeta{
		Name: c.Name, Labels: labels(c.Owner, c.mark()),
		Annotations: map[string]string{
			contract.AnnotationRunID:         c.Run,
			contract.AnnotationRecoveryPoint: now().Format(time.RFC3339Nano),
		},
	}
	there, err := ensure(ctx, c.snapshots, snapshot)
	if err != nil {
		return nil, err
	}
	if !sameRun(there, c.Owner) || claimOf(there) != c.Claim {
		return nil, fmt.Errorf("VolumeSnapshot %s: %w: %s", there.Name, volume.ErrExists, describeOwner(there))
	}
	return c.awaitSnapshot(ctx, there.Name, "ready to use", isReady)
}

// snapshotOf is a VolumeSnapshot of a claim, without name. An empty class stands
// for the driver's.
func (s *Store) snapshotOf(ctx context.Context, claim, driver, class string) (*snapshotv1.VolumeSnapshot, error) {
	snapshot := &snapshotv1.VolumeSnapshot{Spec: snapshotv1.VolumeSnapshotSpec{
		Source: snapshotv1.VolumeSnapshotSource{PersistentVolumeClaimName: &claim},
	}}
	if class == "" {
		var err error
		if class, err = s.snapshotClass(ctx, driver); err != nil {
			return nil, err
		}
	}
	if class != "" {
		snapshot.Spec.VolumeSnapshotClassName = &class
	}
	return snapshot, nil
}

// awaitSnapshot waits until a VolumeSnapshot is what is awaited. An error that its
// status shows is mostly not final: it is logged, and is part of the error when
// there is no more time. One that no further attempt can mend is returned as
// *unable at once.
func (s *Store) awaitSnapshot(ctx context.Context, name, awaited string, is func(*snapshotv1.VolumeSnapshot) bool) (found *snapshotv1.VolumeSnapshot, err error) {
	words := ""
	err = s.snapshots.Until(ctx, cluster.Named(name), func(present map[string]*snapshotv1.VolumeSnapshot) (bool, error) {
		found = present[name]
		switch {
		case found == nil:
			return false, fmt.Errorf("VolumeSnapshot %s: %w", name, volume.ErrNotFound)
		case is(found):
			return true, nil
		case deleting(found):
			return false, fmt.Errorf("VolumeSnapshot %s is being deleted, before it was %s", name, awaited)
		}
		if message := errorOf(found); message != "" && message != words {
			words = message
			s.log.Warn("the snapshot controller reports an error", "snapshot", name, "message", message)
			if hopeless(message) {
				return false, &unable{fmt.Sprintf("VolumeSnapshot %s: %s", name, message)}
			}
		}
		return false, nil
	})
	switch {
	case err == nil:
		return found, nil
	case ctx.Err() == nil:
		return nil, err
	case words == "":
		words = "nothing was reported; a snapshot controller and the driver's snapshotter must run in the cluster"
	}
	return nil, fmt.Errorf("VolumeSnapshot %s is not %s: %s: %w", name, awaited, words, err)
}

// isCut reports whether the content of a snapshot is fixed.
func isCut(s *snapshotv1.VolumeSnapshot) bool {
	return s.Status != nil && s.Status.BoundVolumeSnapshotContentName != nil && s.Status.CreationTime != nil
}

// isReady reports whether a snapshot can be restored.
func isReady(s *snapshotv1.VolumeSnapshot) bool {
	return isCut(s) && s.Status.ReadyToUse != nil && *s.Status.ReadyToUse
}

func errorOf(s *snapshotv1.VolumeSnapshot) string {
	if s.Status == nil || s.Status.Error == nil || s.Status.Error.Message == nil {
		return ""
	}
	return *s.Status.Error.Message
}

// claimOf is the claim that a snapshot is of.
func claimOf(s *snapshotv1.VolumeSnapshot) string {
	if s.Spec.Source.PersistentVolumeClaimName == nil {
		return ""
	}
	return *s.Spec.Source.PersistentVolumeClaimName
}

// hopeless reports whether a message of the snapshot controller or the driver
// tells that something is missing, so that waiting is in vain.
func hopeless(message string) bool {
	for _, words := range []string{
		"cannot find default snapshot class", "default snapshot classes were found", "code = Unimplemented",
	} {
		if strings.Contains(message, words) {
			return true
		}
	}
	return strings.Contains(message, "volumesnapshotclass") && strings.Contains(message, "not found")
}
