package remote

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ClaimCapacity returns how large a PersistentVolumeClaim is, as a quantity: its
// volume's size, or what was asked for while it has none. It is "" when there is no
// such claim.
func (s *Session) ClaimCapacity(ctx context.Context, name string) (string, error) {
	claim, err := s.Core.CoreV1().PersistentVolumeClaims(s.Namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", s.failed(verbGet, "PersistentVolumeClaim "+name, err)
	}
	size := claim.Status.Capacity[corev1.ResourceStorage]
	if size.IsZero() {
		size = claim.Spec.Resources.Requests[corev1.ResourceStorage]
	}
	return size.String(), nil
}
