//go:build cluster

package kubernetes_test

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/commit"
	"github.com/backube/scribe-gen/steps/internal/protocol"
	"github.com/backube/scribe-gen/steps/internal/snapshot"
	"github.com/backube/scribe-gen/steps/internal/volume"
	"github.com/backube/scribe-gen/steps/internal/volume/kubernetes"
)

// What a listener asked for that was killed is collected by the pruning of the next
// run that commits, and not before: whether it was cut at last or never.
func TestPruneCollectsWhatNobodySawCut(t *testing.T) {
	for name, fault := range map[string]map[string]string{
		"cut later": {"fault.delay": "3s"},
		"never cut": {"fault.error": "the array is on fire"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, ctx := newSite(t, "fast"), t.Context()
			s.Write(t, "data", content)
			began := time.Now()
			dead := cutOf("run-1")
			dead.Class = s.snapshotClass(t, fault)
			killed, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			_, err := s.store.Cut(killed, dead)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			s.prune(t)
			require.True(t, s.has(t, dead.Name), "its run may come back")

			log := slog.New(slog.NewTextHandler(t.Output(), nil))
			committer := &commit.Committer{
				Store: s.store, Replication: dead.Replication, Relationship: dead.Relationship, Log: log,
				Replica: contract.Replica{Claim: "data", Root: t.TempDir(), CopyMethod: "Snapshot"},
			}
			_, err = committer.Commit(ctx, protocol.Commit{Run: "run-0", RecoveryPoint: began.Add(-time.Minute)})
			require.NoError(t, err)
			s.prune(t)
			require.True(t, s.has(t, dead.Name), "its run is newer than what was committed")

			_, err = committer.Commit(ctx, protocol.Commit{Run: "run-2", RecoveryPoint: time.Now()})
			require.NoError(t, err)
			told := ""
			require.Eventually(t, func() bool { // the driver may be making it still
				told += s.prune(t).Reason
				return !s.has(t, dead.Name) && len(s.contents(t)) == 2
			}, 20*time.Second, 100*time.Millisecond, "it is gone, and what it took of the storage")
			assert.Contains(t, told, dead.Name)
			_, err = committer.Commit(ctx, protocol.Commit{Run: "run-1", RecoveryPoint: dead.RecoveryPoint})
			require.ErrorContains(t, err, "committed already", "its run can indeed not come back")
			all, err := s.store.Snapshots(ctx, "data", dead.Relationship)
			require.NoError(t, err)
			assert.Len(t, all, 2)
		})
	}
}

// A snapshot that begins to count between the list and the deletion stays.
func TestRemoveUncutSparesWhatIsMarkedMeanwhile(t *testing.T) {
	s := newSite(t, "fast")
	s.Write(t, "data", content)
	req := cutOf("run-1")
	left := s.Abandon(t, req)
	store := s.intercepted(t, http.MethodDelete, func() {
		mark := []byte(`{"metadata":{"annotations":{"` + contract.AnnotationCut + `":"2026-03-01T12:00:00Z"}}}`)
		_, err := s.snapshots.VolumeSnapshots(s.namespace).Patch(context.Background(), req.Name, types.MergePatchType, mark, metav1.PatchOptions{})
		assert.NoError(t, err)
	})
	last := contract.Commit{Run: "run-2", RecoveryPoint: time.Now()}
	removed, err := store.RemoveUncut(t.Context(), "data", req.Relationship, last)
	require.NoError(t, err)
	assert.Empty(t, removed)
	assert.True(t, left())
}

// A snapshot that is deleted before it is marked does not count: a commit must not
// be answered with it. The next attempt cuts another.
func TestCutOfWhatIsDeletedMeanwhile(t *testing.T) {
	s := newSite(t, "fast")
	s.Write(t, "data", content)
	req := cutOf("run-1")
	store := s.intercepted(t, http.MethodPatch, func() {
		assert.NoError(t, s.snapshots.VolumeSnapshots(s.namespace).Delete(context.Background(), req.Name, metav1.DeleteOptions{}))
	})
	_, err := store.Cut(t.Context(), req)
	require.Error(t, err)
	all, err := store.Snapshots(t.Context(), "data", req.Relationship)
	require.NoError(t, err)
	assert.Empty(t, all)
	cut, err := store.Cut(t.Context(), req)
	require.NoError(t, err)
	assert.Equal(t, req.Name, cut.Name)
}

// One that somebody labelled stays, as replica snapshots do.
func TestRemoveUncutSparesWhatIsLabelled(t *testing.T) {
	s := newSite(t, "fast")
	s.Write(t, "data", content)
	req := cutOf("run-1")
	left := s.Abandon(t, req)
	label := []byte(`{"metadata":{"labels":{"` + contract.LabelKeep + `":"true"}}}`)
	_, err := s.snapshots.VolumeSnapshots(s.namespace).Patch(t.Context(), req.Name, types.MergePatchType, label, metav1.PatchOptions{})
	require.NoError(t, err)
	removed, err := s.store.RemoveUncut(t.Context(), "data", req.Relationship, contract.Commit{Run: "run-2", RecoveryPoint: time.Now()})
	require.NoError(t, err)
	assert.Empty(t, removed)
	assert.True(t, left())
}

func (s *site) prune(t *testing.T) contract.Outcome {
	t.Helper()
	outcome, err := snapshot.Prune(t.Context(), s.store, &contract.SnapshotPrune{
		Common: contract.Common{Relationship: cutOf("").Relationship}, Claim: "data", Retain: contract.Retain{Last: 3},
	}, slog.New(slog.NewTextHandler(t.Output(), nil)))
	require.NoError(t, err)
	return outcome
}

// has reports whether there is a VolumeSnapshot of that name.
func (s *site) has(t *testing.T, name string) bool {
	_, err := s.snapshots.VolumeSnapshots(s.namespace).Get(t.Context(), name, metav1.GetOptions{})
	if !apierrors.IsNotFound(err) {
		require.NoError(t, err)
	}
	return err == nil
}

// contents are what the storage has of the namespace's snapshots.
func (s *site) contents(t *testing.T) (names []string) {
	all, err := s.snapshots.VolumeSnapshotContents().List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	for _, c := range all.Items {
		if c.Spec.VolumeSnapshotRef.Namespace == s.namespace {
			names = append(names, c.Name)
		}
	}
	return names
}

// intercepted is the site's store, which does something before its first request of
// a method.
func (s *site) intercepted(t *testing.T, method string, do func()) volume.Store {
	config := rest.CopyConfig(s.config)
	var once sync.Once
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(req *http.Request) (*http.Response, error) {
			if req.Method == method {
				once.Do(do)
			}
			return next.RoundTrip(req)
		})
	})
	store, err := kubernetes.Open(config, s.namespace, slog.New(slog.NewTextHandler(t.Output(), nil)))
	require.NoError(t, err)
	return store
}

type roundTrip func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (do roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return do(req) }
