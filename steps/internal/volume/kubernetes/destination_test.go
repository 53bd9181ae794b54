//go:build cluster

package kubernetes_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/step"
	"github.com/backube/scribe-gen/steps/internal/volume"
)

func cutOf(run string) volume.CutRequest {
	owner := request(run, "").Owner
	return volume.CutRequest{
		Owner: owner, Claim: "data", Name: contract.SnapshotName(owner.Relationship, run), RecoveryPoint: time.Now(),
	}
}

// A snapshot that is cut is enough for a commit; pruning waits until it is ready.
func TestSnapshotThatIsReadyLate(t *testing.T) {
	s := newSite(t, "fast")
	s.Write(t, "data", content)
	req := cutOf("run-1")
	req.Class = s.snapshotClass(t, map[string]string{"fault.readyAfter": "3s"})
	cut, err := s.store.Cut(t.Context(), req)
	require.NoError(t, err)
	assert.False(t, cut.Ready)
	require.NoError(t, s.store.WaitReady(t.Context(), "data", req.Name))
	all, err := s.store.Snapshots(t.Context(), "data", req.Relationship)
	require.NoError(t, err)
	require.Len(t, all, 1)
	assert.True(t, all[0].Ready)
}

func TestSnapshotThatIsNeverReady(t *testing.T) {
	s := newSite(t, "fast")
	s.Write(t, "data", content)
	req := request("run-1", "Snapshot")
	req.SnapshotClass = s.snapshotClass(t, map[string]string{"fault.readyAfter": "never"})
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	_, err := s.store.Copy(ctx, req)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.ErrorContains(t, err, "not ready to use")
}

// A snapshot that was not cut before the process ended does not count, until the
// same run comes again.
func TestSnapshotThatNobodySawCut(t *testing.T) {
	s := newSite(t, "fast")
	s.Write(t, "data", content)
	req := cutOf("run-1")
	req.Class = s.snapshotClass(t, map[string]string{"fault.error": "the array is on fire", "fault.times": "2"})
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := s.store.Cut(ctx, req)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "the array is on fire")
	require.NoError(t, s.store.WaitReady(t.Context(), "data", req.Name), "the snapshotter goes on")
	all, err := s.store.Snapshots(t.Context(), "data", req.Relationship)
	require.NoError(t, err)
	assert.Empty(t, all)
	_, err = s.store.Cut(t.Context(), req)
	require.NoError(t, err)
	all, err = s.store.Snapshots(t.Context(), "data", req.Relationship)
	require.NoError(t, err)
	assert.Len(t, all, 1)
}

func TestCutWithoutClass(t *testing.T) {
	s := newSite(t, "plain")
	s.Write(t, "data", content)
	_, err := s.store.Cut(t.Context(), cutOf("run-1"))
	require.ErrorContains(t, err, "no VolumeSnapshotClass of driver plain.scribe.test")
	assert.Equal(t, contract.ExitRefused, step.Code(err))
	req := cutOf("run-1")
	req.Class = "no-such-class"
	_, err = s.store.Cut(t.Context(), req)
	require.ErrorContains(t, err, "no-such-class")
	assert.Equal(t, contract.ExitRefused, step.Code(err))
}

func TestRestoreTakesWhatTheReplicaHas(t *testing.T) {
	s := newSite(t, "wffc")
	s.Write(t, "data", content)
	cut, err := s.store.Cut(t.Context(), cutOf("run-1"))
	require.NoError(t, err)
	req := volume.RestoreRequest{Owner: request("", "").Owner, Replica: "data", Snapshot: cut.Name, Claim: "live"}
	require.NoError(t, s.store.Restore(t.Context(), req))
	claim, err := s.client.CoreV1().PersistentVolumeClaims(s.namespace).Get(t.Context(), "live", metav1.GetOptions{})
	require.NoError(t, err)
	assert.Equal(t, "wffc", *claim.Spec.StorageClassName)
	assert.Equal(t, corev1.ClaimPending, claim.Status.Phase, "it waits for the application")
	assert.True(t, claim.Spec.Resources.Requests[corev1.ResourceStorage].Equal(resource.MustParse("16Mi")))
	assert.Equal(t, cut.Name, claim.Annotations[contract.AnnotationSnapshot])
	assert.NotContains(t, claim.Labels, contract.LabelTemporary)
	assert.Equal(t, content, s.Read(t, "live"))

	// The replica is gone with its site: the snapshot is what failover is for.
	req.Claim, req.StorageClass, req.AccessModes = "other", "fast", []string{"ReadWriteMany"}
	require.NoError(t, s.client.CoreV1().PersistentVolumeClaims(s.namespace).Delete(t.Context(), "data", metav1.DeleteOptions{}))
	require.NoError(t, s.store.Restore(t.Context(), req))
	assert.Equal(t, content, s.Read(t, "other"))
}

// An application on the replica is not waited for, nor is a reader, nor a pod that
// has ended.
func TestQuiesceWaitsForWritersOnly(t *testing.T) {
	s := newSite(t, "fast")
	s.Write(t, "data", content)
	application, reader, done := podOn("data"), podOn("data"), podOn("data")
	application.Labels = nil
	reader.Spec.Volumes[0].PersistentVolumeClaim.ReadOnly = true
	s.runPod(t.Context(), t, application, corev1.PodRunning)
	s.runPod(t.Context(), t, reader, corev1.PodRunning)
	s.runPod(t.Context(), t, done, corev1.PodFailed)
	require.NoError(t, s.store.Quiesce(t.Context(), "data"))
}

// What others wrote beside the state and the keys stays.
func TestForeignMetadataStays(t *testing.T) {
	s := newSite(t, "fast")
	owner, ctx := request("run-1", "").Owner, t.Context()
	require.NoError(t, s.store.Save(ctx, contract.State{Relationship: owner.Relationship}, ""))
	require.NoError(t, s.store.PutSecret(ctx, "keys", owner, map[string][]byte{"a": []byte("1")}))
	patch := []byte(`{"metadata":{"labels":{"team":"x"}}}`)
	_, err := s.client.CoreV1().ConfigMaps(s.namespace).Patch(ctx, contract.StateName(owner.Relationship), types.MergePatchType, patch, metav1.PatchOptions{})
	require.NoError(t, err)
	_, err = s.client.CoreV1().Secrets(s.namespace).Patch(ctx, "keys", types.MergePatchType, patch, metav1.PatchOptions{})
	require.NoError(t, err)

	_, version, err := s.store.Load(ctx, owner.Relationship)
	require.NoError(t, err)
	require.NoError(t, s.store.Save(ctx, contract.State{Relationship: owner.Relationship, ClientKey: "k"}, version))
	require.NoError(t, s.store.PutSecret(ctx, "keys", owner, map[string][]byte{"b": []byte("2")}))
	state, err := s.client.CoreV1().ConfigMaps(s.namespace).Get(ctx, contract.StateName(owner.Relationship), metav1.GetOptions{})
	require.NoError(t, err)
	assert.Equal(t, "x", state.Labels["team"])
	secret, err := s.client.CoreV1().Secrets(s.namespace).Get(ctx, "keys", metav1.GetOptions{})
	require.NoError(t, err)
	assert.Equal(t, "x", secret.Labels["team"])
	assert.Equal(t, map[string][]byte{"b": []byte("2")}, secret.Data)
}
