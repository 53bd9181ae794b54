//go:build e2e

package e2e

import (
	"context"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// wait is how long anything may take that is not a transfer.
const wait = 2 * time.Minute

// background is for what must be done also when the test was cancelled.
func (w *world) background() context.Context { return context.WithoutCancel(w.t.Context()) }

// makeClaim makes a claim; what reaches for its data has it bound.
func (w *world) makeClaim(namespace, name, class, size string) {
	w.t.Helper()
	_, err := w.kube.CoreV1().PersistentVolumeClaims(namespace).Create(w.t.Context(), &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PersistentVolumeClaimSpec{
			StorageClassName: &class,
			AccessModes:      []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources: corev1.VolumeResourceRequirements{
				Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(size)},
			},
		},
	}, metav1.CreateOptions{})
	require.NoError(w.t, err)
}

// bind waits until the claim is bound. A pod that does nothing is its consumer.
func (w *world) bind(namespace, name string) {
	w.t.Helper()
	pods := w.kube.CoreV1().Pods(namespace)
	user, yes := int64(65532), true
	pod, err := pods.Create(w.t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "bind-"},
		Spec: corev1.PodSpec{
			RestartPolicy:   corev1.RestartPolicyNever,
			SecurityContext: &corev1.PodSecurityContext{RunAsUser: &user, RunAsNonRoot: &yes},
			Volumes: []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{
				PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: name}}}},
			Containers: []corev1.Container{{
				Name: container, Image: w.image, Command: []string{"/scribe/snapshot", "--help"},
				VolumeMounts:    []corev1.VolumeMount{{Name: "v", MountPath: "/data"}},
				SecurityContext: confined(),
			}},
		},
	}, metav1.CreateOptions{})
	require.NoError(w.t, err)
	require.Eventually(w.t, func() bool {
		c, err := w.kube.CoreV1().PersistentVolumeClaims(namespace).Get(w.t.Context(), name, metav1.GetOptions{})
		return err == nil && c.Status.Phase == corev1.ClaimBound
	}, wait, 100*time.Millisecond, "claim %s/%s is not bound", namespace, name)
	now := int64(0)
	require.NoError(w.t, pods.Delete(w.t.Context(), pod.Name, metav1.DeleteOptions{GracePeriodSeconds: &now}))
}
