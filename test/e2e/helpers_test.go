//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"time"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/rand"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v4/apis/volumesnapshot/v1"

	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/generator/spec"
	"github.com/backube/scribe-gen/steps/contract"
)

// slowly makes a run take seconds, so that it can be disturbed.
func slowly(r *spec.Replication) { r.Spec.Rsync.BandwidthLimit = "2Mi" }

// pod waits until a step of a workflow has a pod that runs, and returns it.
func (w *world) pod(wf *wfv1.Workflow, step string) *corev1.Pod {
	w.t.Helper()
	var found *corev1.Pod
	require.Eventually(w.t, func() bool {
		pods, err := w.kube.CoreV1().Pods(wf.Namespace).List(w.t.Context(), metav1.ListOptions{
			LabelSelector: contract.LabelRun + "=" + string(wf.UID) + ",scribe.backube/step=" + step,
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

// disturbable starts a run of a world that is slow, and returns when data arrives at
// the replica.
func (w *world) disturbable() (data place, source, destination *wfv1.Workflow) {
	w.t.Helper()
	data = w.seedSlow()
	w.apply()
	w.connect()
	destination, source = w.submitDestination(), w.submitSource()
	w.pod(source, "push")
	w.receiving()
	return data, source, destination
}

// oneWhole is what every disturbed run must come to: both sides succeed, there is
// one replica snapshot, it is the source, and nothing is left.
func (w *world) oneWhole(data place, source, destination *wfv1.Workflow) {
	w.t.Helper()
	w.succeeded(source, destination)
	w.identical(data, w.replicaSnapshot(w.committed(source)))
	require.Len(w.t, w.replicaSnapshots(), 1)
	w.clean()
}

// another waits until a step has a pod that runs and is not the given one. Argo may
// take it for the same node under the same name.
func (w *world) another(pod *corev1.Pod, wf *wfv1.Workflow, step string) {
	w.t.Helper()
	require.Eventually(w.t, func() bool { return w.pod(wf, step).UID != pod.UID }, wait, 50*time.Millisecond, "step %s was not tried again", step)
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

// shutdown stops a workflow as "argo stop" (Stop) or "argo terminate" (Terminate)
// does.
func (w *world) shutdown(wf *wfv1.Workflow, how wfv1.ShutdownStrategy) {
	w.t.Helper()
	_, err := w.argo.ArgoprojV1alpha1().Workflows(wf.Namespace).Patch(w.t.Context(), wf.Name, types.MergePatchType,
		fmt.Appendf(nil, `{"spec":{"shutdown":%q}}`, how), metav1.PatchOptions{})
	require.NoError(w.t, err)
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

// watchOverlap counts, from now on, the most runs of the source that were under
// way at once.
func (w *world) watchOverlap() (most func() int) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	w.t.Cleanup(cancel)
	watcher, err := w.argo.ArgoprojV1alpha1().Workflows(w.source).Watch(ctx, metav1.ListOptions{})
	require.NoError(w.t, err)
	var mu sync.Mutex
	running, highest := map[string]bool{}, 0
	go func() {
		for event := range watcher.ResultChan() {
			if wf, ok := event.Object.(*wfv1.Workflow); ok {
				mu.Lock()
				running[wf.Name] = wf.Status.Phase == wfv1.WorkflowRunning
				now := 0
				for _, is := range running {
					if is {
						now++
					}
				}
				highest = max(highest, now)
				mu.Unlock()
			}
		}
	}()
	return func() int { mu.Lock(); defer mu.Unlock(); return highest }
}

// eventuallyCommitted waits until a run, whoever started it, was committed.
func (w *world) eventuallyCommitted(limit time.Duration) {
	w.t.Helper()
	require.Eventually(w.t, func() bool {
		m, err := w.kube.CoreV1().ConfigMaps(w.replica).Get(w.t.Context(), contract.StateName(w.rel), metav1.GetOptions{})
		return err == nil && m.Data[contract.StateKey] != "" && w.state().Last != nil
	}, limit, 200*time.Millisecond, "nothing was committed")
}

// suspend stops both schedules, as "argo cron suspend" does.
func (w *world) suspend() {
	w.t.Helper()
	for namespace, name := range map[string]string{w.source: plan.SourcePipeline(w.rel), w.replica: plan.DestinationPipeline(w.rel)} {
		_, err := w.argo.ArgoprojV1alpha1().CronWorkflows(namespace).Patch(w.t.Context(), name, types.MergePatchType,
			[]byte(`{"spec":{"suspend":true}}`), metav1.PatchOptions{})
		require.NoError(w.t, err)
	}
}

// quiet waits until no workflow runs in either namespace; those that wait for
// the other side are told to stop.
func (w *world) quiet() {
	w.t.Helper()
	for _, namespace := range []string{w.source, w.replica} {
		all, err := w.argo.ArgoprojV1alpha1().Workflows(namespace).List(w.t.Context(), metav1.ListOptions{})
		require.NoError(w.t, err)
		for i := range all.Items {
			if wf := &all.Items[i]; !wf.Status.Fulfilled() {
				w.shutdown(wf, wfv1.ShutdownStrategyStop)
				w.end(wf)
			}
		}
	}
}

// interrupt is what Ctrl-C sends.
const interrupt = syscall.SIGINT

// listAll selects everything, listStep the pods of one step.
var listAll = metav1.ListOptions{}

func listStep(step string) metav1.ListOptions {
	return metav1.ListOptions{LabelSelector: "scribe.backube/step=" + step}
}
