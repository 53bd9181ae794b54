package remote

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v4/apis/volumesnapshot/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/backube/scribe-gen/steps/contract"
)

// State returns what a destination remembers of a relationship; the zero value
// when nothing was recorded yet.
func (s *Session) State(ctx context.Context, relationship string) (contract.State, error) {
	var state contract.State
	name := contract.StateName(relationship)
	object := "ConfigMap " + name
	cm, err := s.Core.CoreV1().ConfigMaps(s.Namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return state, nil
	}
	if err != nil {
		return state, s.failed(verbGet, object, err)
	}
	if err := json.Unmarshal([]byte(cm.Data[contract.StateKey]), &state); err != nil {
		return state, s.failed("read", object, fmt.Errorf("key %s: %w", contract.StateKey, err))
	}
	return state, nil
}

// ReplicaSnapshot is one replica snapshot of a relationship.
type ReplicaSnapshot struct {
	contract.SnapshotRecord
	// Ready is set once it can be restored.
	Ready bool
	// Problem is the snapshot controller's last error; empty for none.
	Problem string
}

// ReplicaSnapshots returns those of a relationship, newest recovery point first.
// A cluster without VolumeSnapshots has none.
func (s *Session) ReplicaSnapshots(ctx context.Context, relationship string) ([]ReplicaSnapshot, error) {
	list, err := s.Snapshots.SnapshotV1().VolumeSnapshots(s.Namespace).List(ctx, metav1.ListOptions{
		LabelSelector: labels.Set{contract.LabelRelationship: relationship}.String(),
	})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, s.failed(verbList, "VolumeSnapshots", err)
	}
	var found []ReplicaSnapshot
	for i := range list.Items {
		// Those of sources are of the relationship, too, but pass with their run.
		if v := &list.Items[i]; v.Labels[contract.LabelTemporary] != "true" && v.Annotations[contract.AnnotationRunID] != "" {
			found = append(found, replicaSnapshot(v))
		}
	}
	slices.SortStableFunc(found, func(a, b ReplicaSnapshot) int { return b.RecoveryPoint.Compare(a.RecoveryPoint) })
	return found, nil
}

func replicaSnapshot(v *snapshotv1.VolumeSnapshot) ReplicaSnapshot {
	r := ReplicaSnapshot{SnapshotRecord: contract.SnapshotRecord{
		Name: v.Name, Labels: v.Labels, Created: v.CreationTimestamp.UTC(),
		Replication: v.Labels[contract.LabelReplication], Relationship: v.Labels[contract.LabelRelationship],
		Run: v.Annotations[contract.AnnotationRunID], Digest: v.Annotations[contract.AnnotationDigest],
	}}
	r.Generation, _ = strconv.ParseInt(v.Annotations[contract.AnnotationGeneration], 10, 64) // 0 when there is none
	if v.Spec.Source.PersistentVolumeClaimName != nil {
		r.Claim = *v.Spec.Source.PersistentVolumeClaimName
	}
	// One without a recovery point is still a snapshot: it comes last.
	r.RecoveryPoint, _ = time.Parse(time.RFC3339Nano, v.Annotations[contract.AnnotationRecoveryPoint])
	if v.Status != nil {
		r.Ready = v.Status.ReadyToUse != nil && *v.Status.ReadyToUse
		if v.Status.Error != nil && v.Status.Error.Message != nil && !r.Ready {
			r.Problem = *v.Status.Error.Message
		}
	}
	return r
}
