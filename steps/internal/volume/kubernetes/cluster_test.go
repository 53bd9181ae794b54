//go:build cluster

package kubernetes_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/volume"
	"github.com/backube/scribe-gen/steps/internal/volume/kubernetes"
	"github.com/backube/scribe-gen/steps/internal/volume/volumetest"
)

// The variables tell a child of the suite what to do.
const (
	namespaceVariable = "SCRIBE_TEST_NAMESPACE"
	operationVariable = "SCRIBE_TEST_OPERATION"
)

func TestMain(m *testing.M) {
	namespace := os.Getenv(namespaceVariable)
	if namespace == "" {
		os.Exit(m.Run())
	}
	config, err := loadConfig()
	if err == nil {
		var store *kubernetes.Store
		if store, err = kubernetes.Open(config, namespace, slog.New(slog.DiscardHandler)); err == nil {
			err = volumetest.Do(context.Background(), store, os.Getenv(operationVariable))
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// classes are the StorageClasses of the test cluster whose driver can clone and
// take snapshots: one that binds at once and one that waits for a consumer.
var classes = []string{"fast", "wffc"}

func TestConformance(t *testing.T) {
	for _, class := range classes {
		t.Run(class, func(t *testing.T) {
			t.Parallel()
			volumetest.Run(t, func(t *testing.T) volumetest.Harness { return newSite(t, class) })
		})
	}
}

func TestConformanceKilled(t *testing.T) {
	rounds := 6
	if testing.Short() {
		rounds = 2
	}
	for _, class := range classes {
		t.Run(class, func(t *testing.T) {
			t.Parallel()
			volumetest.RunKilled(t, rounds, 700*time.Millisecond, func(t *testing.T) volumetest.KillHarness { return newSite(t, class) })
		})
	}
}

// Abandon takes a snapshot's mark away: nobody saw it cut.
func (s *site) Abandon(t *testing.T, req volume.CutRequest) func() bool {
	_, err := s.store.Cut(t.Context(), req)
	require.NoError(t, err)
	snapshots := s.snapshots.VolumeSnapshots(s.namespace)
	unmark := []byte(`{"metadata":{"annotations":{"` + contract.AnnotationCut + `":null}}}`)
	_, err = snapshots.Patch(t.Context(), req.Name, types.MergePatchType, unmark, metav1.PatchOptions{})
	require.NoError(t, err)
	return func() bool {
		there, err := snapshots.Get(t.Context(), req.Name, metav1.GetOptions{})
		return err == nil && there.DeletionTimestamp == nil
	}
}

// Hold runs a pod of a listener, as far as the API tells: no scheduler looks at it.
func (s *site) Hold(t *testing.T, claim string) func() {
	return s.runPod(t.Context(), t, podOn(claim), corev1.PodRunning)
}

// podOn is a pod of a step that mounts a claim.
func podOn(claim string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "step-", Labels: map[string]string{contract.LabelRelationship: "wiki-secondary"}},
		Spec: corev1.PodSpec{
			SchedulerName: "none",
			Containers:    []corev1.Container{{Name: "main", Image: "none"}},
			Volumes: []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{
				PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim},
			}}},
		},
	}
}

// runPod creates a pod and gives it a phase.
func (s *site) runPod(ctx context.Context, t *testing.T, pod *corev1.Pod, phase corev1.PodPhase) (remove func()) {
	pods := s.client.CoreV1().Pods(s.namespace)
	var made *corev1.Pod
	require.Eventually(t, func() bool { // until the namespace has its ServiceAccount
		var err error
		made, err = pods.Create(ctx, pod, metav1.CreateOptions{})
		return err == nil
	}, 10*time.Second, 50*time.Millisecond, "the pod could not be created")
	made.Status.Phase = phase
	_, err := pods.UpdateStatus(ctx, made, metav1.UpdateOptions{})
	require.NoError(t, err)
	now := int64(0)
	return func() {
		_ = pods.Delete(ctx, made.Name, metav1.DeleteOptions{GracePeriodSeconds: &now})
	}
}

func (s *site) Child(t *testing.T, operation string) *exec.Cmd {
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), namespaceVariable+"="+s.namespace, operationVariable+"="+operation)
	cmd.Stderr = os.Stderr
	return cmd
}

// Leftovers are temporary objects and snapshots that do not count which nobody has
// begun to delete.
func (s *site) Leftovers(t *testing.T) (left []string) {
	temporary := metav1.ListOptions{LabelSelector: contract.LabelTemporary}
	claims, err := s.client.CoreV1().PersistentVolumeClaims(s.namespace).List(t.Context(), temporary)
	require.NoError(t, err)
	for _, c := range claims.Items {
		if c.DeletionTimestamp == nil {
			left = append(left, "claim "+c.Name)
		}
	}
	snapshots, err := s.snapshots.VolumeSnapshots(s.namespace).List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	for _, s := range snapshots.Items {
		counts := s.Labels[contract.LabelTemporary] == "" && s.Annotations[contract.AnnotationCut] != ""
		if s.DeletionTimestamp == nil && !counts {
			left = append(left, "snapshot "+s.Name)
		}
	}
	return left
}
