package kubernetes

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/backube/scribe-gen/steps/internal/step"
	"github.com/backube/scribe-gen/steps/internal/volume"
)

// Annotations that Kubernetes itself puts on claims.
const (
	annotationProvisioner     = "volume.kubernetes.io/storage-provisioner"
	annotationBetaProvisioner = "volume.beta.kubernetes.io/storage-provisioner"
	annotationBetaClass       = "volume.beta.kubernetes.io/storage-class"
	// annotationSelectedNode is on claims that waited for their first consumer.
	annotationSelectedNode = "volume.kubernetes.io/selected-node"
)

// claim returns a claim that must exist.
func (s *Store) claim(ctx context.Context, name string) (*corev1.PersistentVolumeClaim, error) {
	claim, err := s.claims.Get(ctx, name)
	if apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("claim %s: %w", name, volume.ErrNotFound)
	}
	return claim, err
}

// source returns a claim that can be copied.
func (s *Store) source(ctx context.Context, name string) (*corev1.PersistentVolumeClaim, error) {
	claim, err := s.claim(ctx, name)
	if err != nil {
		return nil, err
	}
	switch {
	case claim.Spec.VolumeMode != nil && *claim.Spec.VolumeMode == corev1.PersistentVolumeBlock:
		return nil, inapt("claim %s has volumeMode Block: it holds no files", name)
	case deleting(claim):
		return nil, inapt("claim %s is being deleted", name)
	case claim.Status.Phase == corev1.ClaimLost:
		return nil, inapt("claim %s has lost its PersistentVolume", name)
	case claim.Status.Phase != corev1.ClaimBound:
		return nil, fmt.Errorf("claim %s is not bound to a volume, but %s: start what uses it first", name, claim.Status.Phase)
	}
	return claim, nil
}

// driverOf is the CSI driver behind a claim, or "" when the volume was made by
// hand, which leaves no trace in the namespace.
func driverOf(claim *corev1.PersistentVolumeClaim) string {
	return firstOf(claim, annotationProvisioner, annotationBetaProvisioner)
}

// classOf is the StorageClass of a claim, or "".
func classOf(claim *corev1.PersistentVolumeClaim) string {
	if claim.Spec.StorageClassName != nil {
		return *claim.Spec.StorageClassName
	}
	return firstOf(claim, annotationBetaClass)
}

// sizeOf is what a copy of the claim must have room for: the volume may be larger
// than what was asked for, and an expansion may be under way.
func sizeOf(claim *corev1.PersistentVolumeClaim) resource.Quantity {
	return larger(claim.Status.Capacity[corev1.ResourceStorage], claim.Spec.Resources.Requests[corev1.ResourceStorage])
}

func larger(a, b resource.Quantity) resource.Quantity {
	if a.Cmp(b) < 0 {
		return b
	}
	return a
}

// parseCapacity reads the capacity that a flag asks for; zero when it does not.
func parseCapacity(text string) (resource.Quantity, error) {
	if text == "" {
		return resource.Quantity{}, nil
	}
	q, err := resource.ParseQuantity(text)
	if err != nil {
		return q, step.Usage("--capacity=%s: %w", text, err)
	}
	return q, nil
}

// accessModes are those that a flag asks for, or the claim's.
func accessModes(asked []string, claim *corev1.PersistentVolumeClaim) []corev1.PersistentVolumeAccessMode {
	if len(asked) == 0 && claim != nil {
		return claim.Spec.AccessModes
	}
	modes := make([]corev1.PersistentVolumeAccessMode, len(asked))
	for i, m := range asked {
		modes[i] = corev1.PersistentVolumeAccessMode(m)
	}
	return modes
}
