//go:build cluster

package kubernetes_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v4/apis/volumesnapshot/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/step"
	"github.com/backube/scribe-gen/steps/internal/volume"
	"github.com/backube/scribe-gen/steps/internal/volume/kubernetes"
)

var content = map[string]string{"a": "1", "dir/b": "2"}

func request(run, method string) volume.CopyRequest {
	return volume.CopyRequest{
		Owner: volume.Owner{Replication: "wiki", Relationship: "wiki-secondary", Run: run},
		Claim: "data", Name: contract.CopyName(run), Method: method,
	}
}

// What Auto takes on each kind of StorageClass.
func TestAuto(t *testing.T) {
	for class, want := range map[string]string{
		"fast": "Clone", "wffc": "Snapshot", "plain": "Direct", "plain-wffc": "Direct",
	} {
		t.Run(class, func(t *testing.T) {
			s := newSite(t, class)
			s.Write(t, "data", content)
			made, err := s.store.Copy(t.Context(), request("run-1", "Auto"))
			require.NoError(t, err)
			assert.Equal(t, want, made.Method)
			again, err := s.store.Copy(t.Context(), request("run-1", "Auto"))
			require.NoError(t, err)
			assert.Equal(t, made.Method, again.Method)
			assert.Equal(t, content, s.Read(t, made.Claim))
			removed, err := s.store.RemoveTemporary(t.Context(), request("run-1", "").Owner)
			require.NoError(t, err)
			assert.Equal(t, want != "Direct", len(removed) == 1, "%v", removed)
			assert.Empty(t, s.Leftovers(t))
		})
	}
}

// A clone class that is another than the source's is tried, as the source tells
// nothing of it.
func TestAutoInAnotherClass(t *testing.T) {
	s := newSite(t, "fast")
	s.Write(t, "data", content)
	req := request("run-1", "Auto")
	req.StorageClass = "wffc"
	made, err := s.store.Copy(t.Context(), req)
	require.NoError(t, err)
	assert.Equal(t, "Snapshot", made.Method)
	assert.Equal(t, content, s.Read(t, made.Claim))
}

// storageClass makes a StorageClass of the test driver with parameters.
func (s *site) storageClass(t *testing.T, mode storagev1.VolumeBindingMode, parameters map[string]string) string {
	made, err := s.client.StorageV1().StorageClasses().Create(t.Context(), &storagev1.StorageClass{
		ObjectMeta:  metav1.ObjectMeta{GenerateName: "store-"},
		Provisioner: "csi.scribe.test", Parameters: parameters, VolumeBindingMode: &mode,
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = s.client.StorageV1().StorageClasses().Delete(context.Background(), made.Name, metav1.DeleteOptions{})
	})
	return made.Name
}

// snapshotClass makes a VolumeSnapshotClass that is not the default.
func (s *site) snapshotClass(t *testing.T, parameters map[string]string) string {
	made, err := s.snapshots.VolumeSnapshotClasses().Create(t.Context(), &snapshotv1.VolumeSnapshotClass{
		ObjectMeta: metav1.ObjectMeta{Name: "store-" + rand.String(8)},
		Driver:     "csi.scribe.test", Parameters: parameters, DeletionPolicy: snapshotv1.VolumeSnapshotContentDelete,
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = s.snapshots.VolumeSnapshotClasses().Delete(context.Background(), made.Name, metav1.DeleteOptions{})
	})
	return made.Name
}

func TestProvisionerRefusesClone(t *testing.T) {
	s := newSite(t, "fast")
	s.Write(t, "data", content)
	req := request("run-1", "Clone")
	req.StorageClass = s.storageClass(t, storagev1.VolumeBindingImmediate, map[string]string{
		"fault.error": "no clones today", "fault.code": "InvalidArgument", "fault.on": "clone",
	})
	_, err := s.store.Copy(t.Context(), req)
	require.ErrorContains(t, err, "no clones today")
	assert.Equal(t, contract.ExitRefused, step.Code(err))

	req.Method = "Auto" // with the refused claim of the earlier attempt in the way
	made, err := s.store.Copy(t.Context(), req)
	require.NoError(t, err)
	assert.Equal(t, "Snapshot", made.Method)
	assert.Equal(t, content, s.Read(t, made.Claim))
}

func TestDriverThatCannotClone(t *testing.T) {
	s := newSite(t, "plain")
	s.Write(t, "data", content)
	for method, words := range map[string]string{"Clone": "does not support clone", "Snapshot": "no VolumeSnapshotClass of driver plain.scribe.test"} {
		_, err := s.store.Copy(t.Context(), request("run-"+map[string]string{"Clone": "c", "Snapshot": "s"}[method], method))
		require.ErrorContains(t, err, words)
		assert.Equal(t, contract.RefusedVolume, step.Refusal(err))
	}
}

// A failure that may pass is waited out, and is in the error when it does not.
func TestProvisionerFails(t *testing.T) {
	s := newSite(t, "fast")
	s.Write(t, "data", content)
	req := request("run-1", "Auto")
	req.StorageClass = s.storageClass(t, storagev1.VolumeBindingImmediate, map[string]string{"fault.error": "out of luck", "fault.times": "1"})
	made, err := s.store.Copy(t.Context(), req)
	require.NoError(t, err)
	assert.Equal(t, "Clone", made.Method)

	req = request("run-2", "Auto")
	req.StorageClass = s.storageClass(t, storagev1.VolumeBindingImmediate, map[string]string{"fault.error": "out of luck"})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	_, err = s.store.Copy(ctx, req)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "out of luck")
	assert.Equal(t, contract.ExitFailed, step.Code(err))
}

// A clone that waits for its consumer is returned as it is.
func TestCloneOfFirstConsumer(t *testing.T) {
	s := newSite(t, "wffc")
	s.Write(t, "data", content)
	began := time.Now()
	made, err := s.store.Copy(t.Context(), request("run-1", "Clone"))
	require.NoError(t, err)
	assert.Less(t, time.Since(began), 10*time.Second)
	claim, err := s.client.CoreV1().PersistentVolumeClaims(s.namespace).Get(t.Context(), made.Claim, metav1.GetOptions{})
	require.NoError(t, err)
	assert.Equal(t, corev1.ClaimPending, claim.Status.Phase)
	assert.Equal(t, content, s.Read(t, made.Claim))
}

// What a copy has: what was asked for, and no label of the source.
func TestCopyObjects(t *testing.T) {
	s := newSite(t, "fast")
	s.Write(t, "data", content)
	req := request("run-1", "Snapshot")
	req.AccessModes, req.Capacity, req.SnapshotClass = []string{"ReadOnlyMany"}, "64Mi", "fast"
	made, err := s.store.Copy(t.Context(), req)
	require.NoError(t, err)
	claim, err := s.client.CoreV1().PersistentVolumeClaims(s.namespace).Get(t.Context(), made.Claim, metav1.GetOptions{})
	require.NoError(t, err)
	assert.Equal(t, map[string]string{
		"scribe.backube/replication": "wiki", "scribe.backube/relationship": "wiki-secondary",
		"scribe.backube/run": "run-1", "scribe.backube/temporary": "true",
	}, claim.Labels)
	assert.Equal(t, []corev1.PersistentVolumeAccessMode{"ReadOnlyMany"}, claim.Spec.AccessModes)
	assert.True(t, claim.Spec.Resources.Requests[corev1.ResourceStorage].Equal(resource.MustParse("64Mi")))
	assert.Empty(t, claim.OwnerReferences)
	snapshot, err := s.snapshots.VolumeSnapshots(s.namespace).Get(t.Context(), made.Claim, metav1.GetOptions{})
	require.NoError(t, err)
	assert.Equal(t, claim.Labels, snapshot.Labels)
	assert.True(t, snapshot.Status.CreationTime.Time.After(made.RecoveryPoint.Truncate(time.Second)) ||
		snapshot.Status.CreationTime.Time.Equal(made.RecoveryPoint.Truncate(time.Second)), "cut before the recovery point")
}

func TestSourcesThatCannotBeCopied(t *testing.T) {
	s := newSite(t, "wffc")
	s.make(t, "data")
	_, err := s.store.Copy(t.Context(), request("run-1", "Auto"))
	require.ErrorContains(t, err, "not bound")
	assert.Equal(t, contract.ExitFailed, step.Code(err))

	block := corev1.PersistentVolumeBlock
	_, err = s.client.CoreV1().PersistentVolumeClaims(s.namespace).Create(t.Context(), &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: "block"},
		Spec: corev1.PersistentVolumeClaimSpec{
			VolumeMode: &block, StorageClassName: &s.class, AccessModes: []corev1.PersistentVolumeAccessMode{"ReadWriteOnce"},
			Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Mi")}},
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	req := request("run-1", "Auto")
	req.Claim = "block"
	_, err = s.store.Copy(t.Context(), req)
	require.ErrorContains(t, err, "Block")
	assert.Equal(t, contract.RefusedVolume, step.Refusal(err))
}

// A copy that is held by a pod of another run stays; a finished pod, or one of the
// own run, keeps nothing.
func TestLeftoversInUse(t *testing.T) {
	s := newSite(t, "fast")
	s.Write(t, "data", content)
	for run, phase := range map[string]corev1.PodPhase{"run-live": corev1.PodRunning, "run-done": corev1.PodSucceeded} {
		made, err := s.store.Copy(t.Context(), request(run, "Clone"))
		require.NoError(t, err)
		pod := podOn(made.Claim)
		pod.Labels[contract.LabelRun] = run
		s.runPod(t.Context(), t, pod, phase)
	}
	removed, err := s.store.RemoveLeftovers(t.Context(), request("run-new", "").Owner)
	require.NoError(t, err)
	assert.Equal(t, []string{contract.CopyName("run-done")}, removed)
	removed, err = s.store.RemoveTemporary(t.Context(), request("run-live", "").Owner)
	require.NoError(t, err)
	assert.Equal(t, []string{contract.CopyName("run-live")}, removed)
}

// Where the engine keeps its pods, finished ones go with the copy they mount, so that
// it vanishes. One that still ends is no reason to keep the run's own copy.
func TestFinishedPodsAreRemoved(t *testing.T) {
	s := newSite(t, "fast")
	s.Write(t, "data", content)
	store, err := kubernetes.Open(s.config, s.namespace, slog.New(slog.NewTextHandler(t.Output(), nil)), kubernetes.DeleteFinishedPods)
	require.NoError(t, err)
	for run, phase := range map[string]corev1.PodPhase{"run-own": corev1.PodRunning, "run-dead": corev1.PodFailed} {
		made, err := store.Copy(t.Context(), request(run, "Clone"))
		require.NoError(t, err)
		s.runPod(t.Context(), t, podOn(made.Claim), corev1.PodSucceeded)
		t.Cleanup(s.runPod(t.Context(), t, podOn(made.Claim), phase))
	}
	removed, err := store.RemoveTemporary(t.Context(), request("run-own", "").Owner)
	require.NoError(t, err)
	assert.Equal(t, []string{contract.CopyName("run-dead"), contract.CopyName("run-own")}, removed)
	require.Eventually(t, func() bool {
		_, err := s.client.CoreV1().PersistentVolumeClaims(s.namespace).Get(t.Context(), contract.CopyName("run-dead"), metav1.GetOptions{})
		return apierrors.IsNotFound(err)
	}, 30*time.Second, 100*time.Millisecond, "the copy is still held")
	pods, err := s.client.CoreV1().Pods(s.namespace).List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	require.Len(t, pods.Items, 1)
	assert.Equal(t, corev1.PodRunning, pods.Items[0].Status.Phase)
}
