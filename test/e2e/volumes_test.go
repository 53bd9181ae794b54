//go:build e2e

package e2e

import (
	"context"
	"path/filepath"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/tree"
	"github.com/backube/scribe-gen/tree/sample"
)

// wait is how long anything may take that is not a transfer.
const wait = 2 * time.Minute

// background is for what must be done also when the test was cancelled.
func (w *world) background() context.Context { return context.WithoutCancel(w.t.Context()) }

// makeClaim makes a claim and has it bound; of a class that waits for a consumer
// by way of a pod.
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
	w.bind(namespace, name)
}

// bind waits until the claim is bound. A pod that does nothing is its consumer.
func (w *world) bind(namespace, name string) {
	w.t.Helper()
	pods := w.kube.CoreV1().Pods(namespace)
	user, yes := int64(65532), true
	pod, err := pods.Create(w.t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "bind-"},
		Spec: corev1.PodSpec{
			RestartPolicy: corev1.RestartPolicyNever,
			SecurityContext: &corev1.PodSecurityContext{
				RunAsUser: &user, RunAsNonRoot: &yes,
				SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			},
			Volumes: []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{
				PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: name}}}},
			Containers: []corev1.Container{{
				Name: "main", Image: plan.Image, Command: []string{"/scribe/snapshot", "--version"},
				VolumeMounts:    []corev1.VolumeMount{{Name: "v", MountPath: "/data"}},
				SecurityContext: &corev1.SecurityContext{AllowPrivilegeEscalation: new(bool), Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}},
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

// volume is where the data of a bound claim lies on this host.
func (w *world) volume(namespace, name string) string {
	w.t.Helper()
	c, err := w.kube.CoreV1().PersistentVolumeClaims(namespace).Get(w.t.Context(), name, metav1.GetOptions{})
	require.NoError(w.t, err)
	require.NotEmpty(w.t, c.Spec.VolumeName, "claim %s/%s is not bound", namespace, name)
	v, err := w.kube.CoreV1().PersistentVolumes().Get(w.t.Context(), c.Spec.VolumeName, metav1.GetOptions{})
	require.NoError(w.t, err)
	return filepath.Join(w.driverRoot(v.Spec.CSI.Driver), "volumes", v.Spec.CSI.VolumeHandle)
}

// snapshotTree is where the data of a VolumeSnapshot lies on this host.
func (w *world) snapshotTree(namespace, name string) string {
	w.t.Helper()
	s, err := w.snapshots.SnapshotV1().VolumeSnapshots(namespace).Get(w.t.Context(), name, metav1.GetOptions{})
	require.NoError(w.t, err)
	require.NotNil(w.t, s.Status)
	c, err := w.snapshots.SnapshotV1().VolumeSnapshotContents().Get(w.t.Context(), *s.Status.BoundVolumeSnapshotContentName, metav1.GetOptions{})
	require.NoError(w.t, err)
	return filepath.Join(w.driverRoot(c.Spec.Driver), "snapshots", *c.Status.SnapshotHandle)
}

// seed makes the source claim and fills it with everything a replica must keep.
func (w *world) seed(class string) string {
	w.t.Helper()
	w.makeClaim(w.source, claim, class, "1Gi")
	root := w.volume(w.source, claim)
	require.NoError(w.t, sample.Torture(root, sample.Options{MaxPath: 3500, NoHuge: true, NoTrusted: true}))
	return root
}

// seedPlain makes the source claim with n ordinary files.
func (w *world) seedPlain(class string, n int) string {
	w.t.Helper()
	w.makeClaim(w.source, claim, class, "1Gi")
	root := w.volume(w.source, claim)
	require.NoError(w.t, sample.Volume(root, n, 1))
	return root
}

// identical fails the test unless the trees are alike in every attribute.
func (w *world) identical(a, b string) {
	w.t.Helper()
	report, err := tree.Compare(a, b, tree.Options{NoLostFound: true})
	require.NoError(w.t, err)
	require.True(w.t, report.Equal(), "%s and %s differ: %s", a, b, report)
}

// driverRoot is the directory in which a test driver keeps volumes and snapshots.
func (w *world) driverRoot(driver string) string { return w.cluster.Path("volumes", driver) }
