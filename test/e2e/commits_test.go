//go:build e2e

package e2e

import (
	"encoding/json"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/backube/scribe-gen/steps/contract"
)

// state is what the destination remembers.
func (w *world) state() contract.State {
	w.t.Helper()
	var state contract.State
	m, err := w.kube.CoreV1().ConfigMaps(w.replica).Get(w.t.Context(), contract.StateName(w.rel), metav1.GetOptions{})
	require.NoError(w.t, err)
	require.NoError(w.t, json.Unmarshal([]byte(m.Data[contract.StateKey]), &state))
	return state
}

// committed checks the commit of a run: one replica snapshot of that run's name,
// with its recovery point, and the state says so. It returns the snapshot's name.
func (w *world) committed(source *run) string {
	w.t.Helper()
	name := contract.SnapshotName(w.rel, source.ID)
	s, err := w.snapshots.SnapshotV1().VolumeSnapshots(w.replica).Get(w.t.Context(), name, metav1.GetOptions{})
	require.NoError(w.t, err)
	assert.Empty(w.t, s.OwnerReferences, "a replica snapshot must outlive the run")
	assert.Equal(w.t, source.ID, s.Annotations[contract.AnnotationRunID])
	assert.Equal(w.t, w.rel, s.Labels[contract.LabelRelationship])
	point, err := time.Parse(time.RFC3339Nano, s.Annotations[contract.AnnotationRecoveryPoint])
	require.NoError(w.t, err)
	assert.False(w.t, point.Before(source.Submitted.Add(-time.Second)), "recovery point %s is before the run", point)
	require.NotNil(w.t, s.Status.CreationTime)
	state := w.state()
	require.NotNil(w.t, state.Last)
	assert.Equal(w.t, source.ID, state.Last.Run)
	assert.Equal(w.t, name, state.Last.Snapshot)
	assert.True(w.t, point.Equal(state.Last.RecoveryPoint))
	return name
}

// replicaSnapshots are the names of the relationship's replica snapshots.
func (w *world) replicaSnapshots() []string {
	w.t.Helper()
	all, err := w.snapshots.SnapshotV1().VolumeSnapshots(w.replica).List(w.t.Context(), metav1.ListOptions{LabelSelector: contract.LabelRelationship + "=" + w.rel})
	require.NoError(w.t, err)
	var names []string
	for _, s := range all.Items {
		names = append(names, s.Name)
	}
	return names
}

// eventuallyCommitted waits until a run, whoever started it, was committed.
func (w *world) eventuallyCommitted(limit time.Duration) {
	w.t.Helper()
	require.Eventually(w.t, func() bool {
		m, err := w.kube.CoreV1().ConfigMaps(w.replica).Get(w.t.Context(), contract.StateName(w.rel), metav1.GetOptions{})
		return err == nil && m.Data[contract.StateKey] != "" && w.state().Last != nil
	}, limit, 200*time.Millisecond, "nothing was committed")
}
