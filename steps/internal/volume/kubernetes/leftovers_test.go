package kubernetes

import (
	"errors"
	"log/slog"
	"testing"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v4/apis/volumesnapshot/v1"
	snapshotfake "github.com/kubernetes-csi/external-snapshotter/client/v4/clientset/versioned/fake"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	k8stesting "k8s.io/client-go/testing"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/cluster"
	"github.com/backube/scribe-gen/steps/internal/step"
	"github.com/backube/scribe-gen/steps/internal/volume"
)

func copyOf(run string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Name: contract.CopyName(run), Namespace: "wiki",
		Labels: labels(volume.Owner{Relationship: "wiki-dr", Run: run}, temporary()),
	}
}

func podOf(name, claim string, phase corev1.PodPhase) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "wiki"},
		Spec: corev1.PodSpec{Volumes: []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim},
		}}}},
		Status: corev1.PodStatus{Phase: phase},
	}
}

// namespace is a store over objects that a fake API server has.
func namespace(t *testing.T, options []Option, objects ...runtime.Object) (*Store, *fake.Clientset) {
	client := fake.NewClientset(objects...)
	snapshots := snapshotfake.NewSimpleClientset(&snapshotv1.VolumeSnapshot{ObjectMeta: copyOf("own")}, &snapshotv1.VolumeSnapshot{ObjectMeta: copyOf("busy")})
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	s := &Store{
		claims:    cluster.Of(log, "persistentvolumeclaims", client.CoreV1().PersistentVolumeClaims("wiki")),
		pods:      cluster.Of(log, "pods", client.CoreV1().Pods("wiki")),
		snapshots: cluster.Of(log, "volumesnapshots", snapshots.SnapshotV1().VolumeSnapshots("wiki")),
		log:       log,
	}
	for _, o := range options {
		o(s)
	}
	return s, client
}

func podNames(t *testing.T, client *fake.Clientset) (names []string) {
	pods, err := client.CoreV1().Pods("wiki").List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	for _, p := range pods.Items {
		names = append(names, p.Name)
	}
	return names
}

func TestFinishedPodsGoWithTheirCopy(t *testing.T) {
	own, dead, busy := contract.CopyName("own"), contract.CopyName("dead"), contract.CopyName("busy")
	stuck := &corev1.PersistentVolumeClaim{ObjectMeta: copyOf("stuck")}
	now := metav1.Now()
	stuck.DeletionTimestamp, stuck.Finalizers = &now, []string{"kubernetes.io/pvc-protection"}
	objects := []runtime.Object{
		&corev1.PersistentVolumeClaim{ObjectMeta: copyOf("own")}, &corev1.PersistentVolumeClaim{ObjectMeta: copyOf("dead")},
		&corev1.PersistentVolumeClaim{ObjectMeta: copyOf("busy")}, stuck,
		podOf("done-own", own, corev1.PodSucceeded), podOf("ends-own", own, corev1.PodRunning),
		podOf("failed-dead", dead, corev1.PodFailed), podOf("done-stuck", stuck.Name, corev1.PodSucceeded),
		podOf("failed-busy", busy, corev1.PodFailed), podOf("works-busy", busy, corev1.PodRunning),
		podOf("done-live", "wikidata", corev1.PodSucceeded),
	}
	owner := volume.Owner{Relationship: "wiki-dr", Run: "own"}

	s, client := namespace(t, []Option{DeleteFinishedPods}, objects...)
	removed, err := s.RemoveTemporary(t.Context(), owner)
	require.NoError(t, err)
	assert.Equal(t, []string{dead, own}, removed)
	assert.Equal(t, []string{"done-live", "ends-own", "failed-busy", "works-busy"}, podNames(t, client))

	s, client = namespace(t, []Option{DeleteFinishedPods}, objects...)
	removed, err = s.RemoveLeftovers(t.Context(), owner)
	require.NoError(t, err)
	assert.Equal(t, []string{dead}, removed)
	assert.Equal(t, []string{"done-live", "done-own", "ends-own", "failed-busy", "works-busy"}, podNames(t, client))

	s, client = namespace(t, nil, objects...)
	removed, err = s.RemoveTemporary(t.Context(), owner)
	require.NoError(t, err)
	assert.Equal(t, []string{dead, own}, removed)
	assert.Len(t, podNames(t, client), 7, "an engine that removes its pods itself")
}

// A pod that another removed meanwhile is no failure; one that may not be removed is.
func TestFinishedPodsThatCannotBeRemoved(t *testing.T) {
	for name, c := range map[string]struct {
		answer error
		words  string
	}{
		"gone":      {apierrors.NewNotFound(corev1.Resource("pods"), "done"), ""},
		"forbidden": {apierrors.NewForbidden(corev1.Resource("pods"), "done", errors.New("no")), "release claim"},
	} {
		t.Run(name, func(t *testing.T) {
			s, client := namespace(t, []Option{DeleteFinishedPods},
				&corev1.PersistentVolumeClaim{ObjectMeta: copyOf("own")}, podOf("done", contract.CopyName("own"), corev1.PodSucceeded))
			client.PrependReactor("delete", "pods", func(k8stesting.Action) (bool, runtime.Object, error) { return true, nil, c.answer })
			removed, err := s.RemoveTemporary(t.Context(), volume.Owner{Relationship: "wiki-dr", Run: "own"})
			assert.Contains(t, removed, contract.CopyName("own"))
			if c.words == "" {
				assert.NoError(t, err)
			} else {
				assert.ErrorContains(t, err, c.words)
			}
		})
	}
}

func TestFinishedPodsVariable(t *testing.T) {
	t.Setenv(contract.FinishedPodsVariable, "keep")
	_, err := OpenHere("", slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, contract.FinishedPodsVariable)
	assert.Equal(t, contract.ExitUsage, step.Code(err))
}
