package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v4/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/volume"
)

// The copy methods.
const (
	methodAuto     = "Auto"
	methodClone    = "Clone"
	methodSnapshot = "Snapshot"
	methodDirect   = contract.MethodDirect
)

// Copy implements [volume.Copier]. Clone makes a claim whose data source is the
// source's claim, Snapshot a VolumeSnapshot and a claim from it, both temporary.
//
// A claim that waits for its first consumer (volumeBindingMode
// WaitForFirstConsumer) is returned as it is: the pod that reads it binds it. So a
// Clone of such a class is taken when that pod starts, which is after the recovery
// point that is reported; a Snapshot is taken before Copy returns.
//
// Auto takes the first of Clone, Snapshot and Direct that the driver can do:
//
//   - A clone that the provisioner refuses for good is removed again.
//   - A clone of a class that waits for its first consumer is removed, too: if the
//     driver cannot clone, only a pod that never starts would tell.
//   - A snapshot is taken if there is a VolumeSnapshotClass of the driver.
//   - Otherwise the volume is read live.
//
// What was chosen and why is logged.
func (s *Store) Copy(ctx context.Context, req volume.CopyRequest) (volume.Copy, error) {
	made, err := s.copy(ctx, req)
	if err != nil {
		return volume.Copy{}, fmt.Errorf("copy claim %s to %s: %w", req.Claim, req.Name, err)
	}
	s.log.Info("the copy is made", "claim", made.Claim, "method", made.Method, "recoveryPoint", made.RecoveryPoint)
	return made, nil
}

func (s *Store) copy(ctx context.Context, req volume.CopyRequest) (volume.Copy, error) {
	capacity, err := parseCapacity(req.Capacity)
	if err != nil {
		return volume.Copy{}, err
	}
	source, err := s.source(ctx, req.Claim)
	if err != nil {
		return volume.Copy{}, err
	}
	c := &copying{Store: s, CopyRequest: req, source: source, capacity: larger(capacity, sizeOf(source))}
	switch req.Method {
	case methodDirect:
		return c.direct(), nil
	case methodClone:
		return refuseWords(c.clone(ctx))
	case methodSnapshot:
		return refuseWords(c.restored(ctx))
	case methodAuto, "":
		return c.auto(ctx)
	}
	return volume.Copy{}, fmt.Errorf("copy method %q: must be Auto, Clone, Snapshot or Direct", req.Method)
}

// copying is one copy under way.
type copying struct {
	*Store
	volume.CopyRequest
	source   *corev1.PersistentVolumeClaim
	capacity resource.Quantity
}

// unable is what a method failed on for good: Auto tries the next.
type unable struct{ words string }

func (u *unable) Error() string { return u.words }

// refuseWords makes a refusal of what a method is unable to do.
func refuseWords(made volume.Copy, _ binding, err error) (volume.Copy, error) {
	var u *unable
	if errors.As(err, &u) {
		err = inapt("%w; use another copyMethod", err)
	}
	return made, err
}

// mark is the label of what cleanup removes; a copy that is kept has none.
func (c *copying) mark() map[string]string {
	if c.Keep {
		return nil
	}
	return temporary()
}

// direct is the live volume.
func (c *copying) direct() volume.Copy {
	return volume.Copy{Claim: c.Claim, Method: methodDirect, RecoveryPoint: now()}
}

// clone makes the copy from the source's claim.
func (c *copying) clone(ctx context.Context) (volume.Copy, binding, error) {
	return c.provision(ctx, methodClone, now(), c.capacity, corev1.TypedLocalObjectReference{
		Kind: "PersistentVolumeClaim", Name: c.Claim,
	})
}

// restored makes the copy from a VolumeSnapshot of the source, which is removed
// with it.
func (c *copying) restored(ctx context.Context) (volume.Copy, binding, error) {
	snapshot, err := c.cutTemporary(ctx)
	if err != nil {
		return volume.Copy{}, "", err
	}
	point, err := recoveryPoint(snapshot)
	if err != nil {
		return volume.Copy{}, "", err
	}
	size := c.capacity
	if snapshot.Status.RestoreSize != nil {
		size = larger(size, *snapshot.Status.RestoreSize)
	}
	group := snapshotv1.GroupName
	return c.provision(ctx, methodSnapshot, point, size, corev1.TypedLocalObjectReference{
		APIGroup: &group, Kind: "VolumeSnapshot", Name: snapshot.Name,
	})
}

// provision creates the copy's claim, or finds it, and waits until it can be used.
func (c *copying) provision(ctx context.Context, method string, point time.Time, size resource.Quantity, from corev1.TypedLocalObjectReference) (volume.Copy, binding, error) {
	class := c.class()
	if class == "" {
		return volume.Copy{}, "", &unable{fmt.Sprintf(
			"claim %s has no StorageClass to make a copy with: set source.storageClassName to one of the same driver", c.Claim)}
	}
	claim, err := ensure(ctx, c.claims, &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{
			Name: c.Name, Labels: labels(c.Owner, c.mark()),
			Annotations: map[string]string{
				contract.AnnotationSource:        c.Claim,
				contract.AnnotationMethod:        method,
				contract.AnnotationRecoveryPoint: point.Format(time.RFC3339Nano),
			},
		},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes:      accessModes(c.AccessModes, c.source),
			StorageClassName: &class,
			VolumeMode:       c.source.Spec.VolumeMode,
			DataSource:       &from,
			Resources:        corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: size}},
		},
	})
	if err != nil {
		return volume.Copy{}, "", err
	}
	made, err := c.describe(claim)
	if err != nil {
		return volume.Copy{}, "", err
	}
	how, words, err := c.awaitBinding(ctx, claim)
	if how == refused {
		err = &unable{fmt.Sprintf("the provisioner refuses claim %s: %s", claim.Name, words)}
	}
	return made, how, err
}

// describe is the copy that a claim is, if it is this run's.
func (c *copying) describe(claim *corev1.PersistentVolumeClaim) (volume.Copy, error) {
	if !sameRun(claim, c.Owner) || claim.Annotations[contract.AnnotationSource] != c.Claim {
		return volume.Copy{}, fmt.Errorf("claim %s: %w: %s", claim.Name, volume.ErrExists, describeOwner(claim))
	}
	point, err := recoveryPoint(claim)
	return volume.Copy{Claim: claim.Name, Method: claim.Annotations[contract.AnnotationMethod], RecoveryPoint: point}, err
}

// class is the StorageClass of the copy.
func (c *copying) class() string {
	if c.StorageClass != "" {
		return c.StorageClass
	}
	return classOf(c.source)
}

// recoveryPoint is what an object was made for.
func recoveryPoint(o metav1.Object) (time.Time, error) {
	point, err := time.Parse(time.RFC3339Nano, o.GetAnnotations()[contract.AnnotationRecoveryPoint])
	if err != nil {
		return point, fmt.Errorf("annotation %s of %s: %w", contract.AnnotationRecoveryPoint, o.GetName(), err)
	}
	return point.UTC(), nil
}

// now is the time as annotations keep it.
func now() time.Time { return time.Now().UTC().Round(0) }
