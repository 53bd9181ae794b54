//go:build e2e

package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/test/cluster/boot"
)

// These disturb the whole cluster: they run alone, before the others.

func TestControllerRestarted(t *testing.T) {
	alone(t, "the workflow controller is killed and started again in the middle of a run: the run goes on, one replica snapshot, identical")
	w := newWorld(t, slowly)
	data := w.seedSlow()
	w.apply()
	w.connect()
	destination, source := w.submitDestination(), w.submitSource()
	w.pod(source, "push")
	w.receiving()
	require.NoError(t, w.cluster.Restart(t.Context(), boot.WorkflowController))
	w.succeeded(source, destination)
	w.identical(data, w.snapshotTree(w.replica, w.committed(source)))
	assert.Len(t, w.replicaSnapshots(), 1)
	w.clean()
}

func TestAPIServerRestarted(t *testing.T) {
	alone(t, "the API server is killed and started again in the middle of a run: steps wait for it, the run goes on, one replica snapshot, identical")
	w := newWorld(t, slowly)
	data := w.seedSlow()
	w.apply()
	w.connect()
	destination, source := w.submitDestination(), w.submitSource()
	w.pod(source, "push")
	w.receiving()
	require.NoError(t, w.cluster.Restart(t.Context(), boot.APIServer))
	w.succeeded(source, destination)
	w.identical(data, w.snapshotTree(w.replica, w.committed(source)))
	assert.Len(t, w.replicaSnapshots(), 1)
	w.clean()
}
