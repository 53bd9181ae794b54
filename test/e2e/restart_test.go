//go:build e2e

package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/test/cluster/boot"
)

// These disturb the whole cluster: they run alone, before the others.

func TestControllerRestarted(t *testing.T) {
	alone(t, "the engine's controller is killed and started again in the middle of a run: the run goes on, one replica snapshot, identical", onEach, func(t *testing.T, on pair) {
		needsOwnCluster(t, "a restart of the cluster's programs")
		w := newWorld(t, on, slowly)
		data, source, destination := w.disturbable()
		require.NoError(t, w.own.Restart(t.Context(), engines[on.source].controller))
		w.oneWhole(data, source, destination)
	})
}

func TestAPIServerRestarted(t *testing.T) {
	alone(t, "the API server is killed and started again in the middle of a run: steps wait for it, the run goes on, one replica snapshot, identical", onEach, func(t *testing.T, on pair) {
		needsOwnCluster(t, "a restart of the cluster's programs")
		w := newWorld(t, on, slowly)
		data, source, destination := w.disturbable()
		require.NoError(t, w.own.Restart(t.Context(), boot.APIServer))
		w.oneWhole(data, source, destination)
	})
}
