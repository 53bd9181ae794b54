package kubernetes

import (
	"context"
	"errors"
	"fmt"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v4/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/volume"
)

// Restore implements [volume.Restorer]. It returns once the claim is bound, or
// waits for the pod of the application to bind it. The claim belongs to the
// application from then on: nothing removes it.
//
// What the request leaves open is as at the replica. If that is gone, the
// StorageClass is the cluster's default and the access mode ReadWriteOnce.
func (s *Store) Restore(ctx context.Context, req volume.RestoreRequest) error {
	if err := s.restore(ctx, req); err != nil {
		return fmt.Errorf("restore replica snapshot %s of claim %s to claim %s: %w", req.Snapshot, req.Replica, req.Claim, err)
	}
	return nil
}

func (s *Store) restore(ctx context.Context, req volume.RestoreRequest) error {
	claim, err := s.claims.Get(ctx, req.Claim)
	if apierrors.IsNotFound(err) || err == nil && deleting(claim) {
		var wanted *corev1.PersistentVolumeClaim
		if wanted, err = s.restoredClaim(ctx, req); err == nil {
			claim, err = ensure(ctx, s.claims, wanted)
		}
	}
	if err != nil {
		return err
	}
	if claim.Labels[contract.LabelRelationship] != req.Relationship || claim.Annotations[contract.AnnotationSnapshot] != req.Snapshot {
		return fmt.Errorf("claim %s: %w: %s; it was left alone", claim.Name, volume.ErrExists, describeOwner(claim))
	}
	how, words, err := s.awaitBinding(ctx, claim)
	if how == refused {
		return inapt("the provisioner refuses claim %s: %s; delete it before the next attempt", claim.Name, words)
	}
	return err
}

// restoredClaim is the claim to make.
func (s *Store) restoredClaim(ctx context.Context, req volume.RestoreRequest) (*corev1.PersistentVolumeClaim, error) {
	snapshot, err := s.snapshots.Get(ctx, req.Snapshot)
	if apierrors.IsNotFound(err) || err == nil && claimOf(snapshot) != req.Replica {
		return nil, fmt.Errorf("replica snapshot %s of claim %s: %w", req.Snapshot, req.Replica, volume.ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	replica, err := s.claim(ctx, req.Replica)
	if errors.Is(err, volume.ErrNotFound) {
		s.log.Warn("the replica is gone: its StorageClass and access modes are not known", "replica", req.Replica)
		replica, err = nil, nil
	}
	if err != nil {
		return nil, err
	}
	spec, err := restoredSpec(req, snapshot, replica)
	if err != nil {
		return nil, err
	}
	return &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{
			Name: req.Claim, Labels: labels(req.Owner, nil),
			Annotations: map[string]string{
				contract.AnnotationSnapshot:      req.Snapshot,
				contract.AnnotationRecoveryPoint: snapshot.Annotations[contract.AnnotationRecoveryPoint],
			},
		},
		Spec: spec,
	}, nil
}

func restoredSpec(req volume.RestoreRequest, snapshot *snapshotv1.VolumeSnapshot, replica *corev1.PersistentVolumeClaim) (corev1.PersistentVolumeClaimSpec, error) {
	size, err := parseCapacity(req.Capacity)
	if err != nil {
		return corev1.PersistentVolumeClaimSpec{}, err
	}
	group := snapshotv1.GroupName
	spec := corev1.PersistentVolumeClaimSpec{
		AccessModes: accessModes(req.AccessModes, replica),
		DataSource:  &corev1.TypedLocalObjectReference{APIGroup: &group, Kind: "VolumeSnapshot", Name: snapshot.Name},
	}
	class := req.StorageClass
	if replica != nil {
		size = larger(size, sizeOf(replica))
		if class == "" {
			class = classOf(replica)
		}
	}
	if class != "" {
		spec.StorageClassName = &class
	}
	if len(spec.AccessModes) == 0 {
		spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}
	}
	if snapshot.Status != nil && snapshot.Status.RestoreSize != nil {
		size = larger(size, *snapshot.Status.RestoreSize)
	}
	if size.IsZero() {
		return spec, inapt("neither replica snapshot %s nor its replica tells the size: give --capacity", snapshot.Name)
	}
	spec.Resources.Requests = corev1.ResourceList{corev1.ResourceStorage: size}
	return spec, nil
}
