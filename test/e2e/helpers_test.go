//go:build e2e

package e2e

import (
	"slices"
	"syscall"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v4/apis/volumesnapshot/v1"

	"github.com/backube/scribe-gen/generator/spec"
)

// slowly makes a run take seconds, so that it can be disturbed.
func slowly(r *spec.Replication) { r.Spec.Rsync.BandwidthLimit = "2Mi" }

// pod waits until a step of a run has a pod that runs, and returns it.
func (w *world) pod(r *run, step string) *corev1.Pod {
	w.t.Helper()
	var found *corev1.Pod
	require.Eventually(w.t, func() bool {
		pods, err := w.kube.CoreV1().Pods(r.at.namespace).List(w.t.Context(), metav1.ListOptions{
			LabelSelector: r.at.runLabel + "=" + r.ID + "," + labelStep + "=" + step,
		})
		for i := range pods.Items {
			if p := &pods.Items[i]; err == nil && p.Status.Phase == corev1.PodRunning && p.DeletionTimestamp == nil {
				found = p
				return true
			}
		}
		return false
	}, wait, 50*time.Millisecond, "no pod of step %s runs", step)
	return found
}

// noPods waits until no pod of a run is left that runs.
func (w *world) noPods(r *run) {
	w.t.Helper()
	require.Eventually(w.t, func() bool {
		pods, err := w.kube.CoreV1().Pods(r.at.namespace).List(w.t.Context(), metav1.ListOptions{LabelSelector: r.at.runLabel + "=" + r.ID})
		return err == nil && !slices.ContainsFunc(pods.Items, works)
	}, wait, 100*time.Millisecond, "pods of run %s still run", r.Name)
}

// works reports whether a pod has not ended.
func works(p corev1.Pod) bool {
	return p.Status.Phase != corev1.PodSucceeded && p.Status.Phase != corev1.PodFailed
}

// disturbable starts a run of a world that is slow, and returns when data arrives at
// the replica.
func (w *world) disturbable() (data place, source, destination *run) {
	w.t.Helper()
	data = w.seedSlow()
	w.apply()
	w.connect()
	destination, source = w.startDestination(), w.startSource()
	w.pod(source, "push")
	w.receiving()
	return data, source, destination
}

// oneWhole is what every disturbed run must come to: both sides succeed, there is
// one replica snapshot, it is the source, and nothing is left.
func (w *world) oneWhole(data place, source, destination *run) {
	w.t.Helper()
	w.succeeded(source, destination)
	w.identical(data, w.replicaSnapshot(w.committed(source)))
	require.Len(w.t, w.replicaSnapshots(), 1)
	w.clean()
}

// another waits until a step has a pod that runs and is not the given one. It may
// have the same name.
func (w *world) another(pod *corev1.Pod, r *run, step string) {
	w.t.Helper()
	require.Eventually(w.t, func() bool { return w.pod(r, step).UID != pod.UID }, wait, 50*time.Millisecond, "step %s was not tried again", step)
}

// stepRuns waits until a pod of a step runs in the namespace, whoever's it is.
func (w *world) stepRuns(namespace, step string) {
	w.t.Helper()
	require.Eventually(w.t, func() bool {
		pods, err := w.kube.CoreV1().Pods(namespace).List(w.t.Context(), listStep(step))
		return err == nil && slices.ContainsFunc(pods.Items, func(p corev1.Pod) bool { return p.Status.Phase == corev1.PodRunning })
	}, wait, 50*time.Millisecond, "no pod of step %s runs in %s", step, namespace)
}

// kill deletes a pod at once, as the loss of its node would.
func (w *world) kill(pod *corev1.Pod) {
	w.t.Helper()
	now := int64(0)
	require.NoError(w.t, w.kube.CoreV1().Pods(pod.Namespace).Delete(w.t.Context(), pod.Name, metav1.DeleteOptions{GracePeriodSeconds: &now}))
}

// faultyClass makes a StorageClass of which the driver does what the parameters
// say; it is this scenario's own.
func (w *world) faultyClass(parameters map[string]string) string {
	w.t.Helper()
	name := "faulty-" + rand.String(5)
	policy, mode := corev1.PersistentVolumeReclaimDelete, storagev1.VolumeBindingImmediate
	_, err := w.kube.StorageV1().StorageClasses().Create(w.t.Context(), &storagev1.StorageClass{
		ObjectMeta: metav1.ObjectMeta{Name: name}, Provisioner: "csi.scribe.test",
		Parameters: parameters, ReclaimPolicy: &policy, VolumeBindingMode: &mode,
	}, metav1.CreateOptions{})
	require.NoError(w.t, err)
	w.t.Cleanup(func() {
		_ = w.kube.StorageV1().StorageClasses().Delete(w.background(), name, metav1.DeleteOptions{})
	})
	return name
}

// faultySnapshots is faultyClass for snapshots.
func (w *world) faultySnapshots(parameters map[string]string) string {
	w.t.Helper()
	name := "faulty-" + rand.String(5)
	_, err := w.snapshots.SnapshotV1().VolumeSnapshotClasses().Create(w.t.Context(), &snapshotv1.VolumeSnapshotClass{
		ObjectMeta: metav1.ObjectMeta{Name: name}, Driver: "csi.scribe.test",
		DeletionPolicy: snapshotv1.VolumeSnapshotContentDelete, Parameters: parameters,
	}, metav1.CreateOptions{})
	require.NoError(w.t, err)
	w.t.Cleanup(func() {
		_ = w.snapshots.SnapshotV1().VolumeSnapshotClasses().Delete(w.background(), name, metav1.DeleteOptions{})
	})
	return name
}

// interrupt is what Ctrl-C sends.
const interrupt = syscall.SIGINT

// listAll selects everything, listStep the pods of one step.
var listAll = metav1.ListOptions{}

func listStep(step string) metav1.ListOptions {
	return metav1.ListOptions{LabelSelector: labelStep + "=" + step}
}
