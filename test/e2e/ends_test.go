//go:build e2e

package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/generator/spec"
	"github.com/backube/scribe-gen/templates/remote"
)

// However a run is ended in the middle of a transfer, its rubbish is gone at the
// latest after the next run, which is whole.
func TestEnded(t *testing.T) {
	for _, test := range []struct {
		name, proves string
		edits        []edit
		end          func(w *world, r *run)
		// tidy is set when the run itself must leave nothing.
		tidy bool
	}{
		{name: "stopped", proves: "is stopped politely", end: func(w *world, r *run) { w.stop(r) }, tidy: true},
		{name: "terminated", proves: "is ended without what must run finally", end: func(w *world, r *run) { w.terminate(r) }},
		{name: "deleted", proves: "is deleted", end: func(w *world, r *run) { w.remove(r) }},
		{name: "timed out", proves: "takes longer than the spec's timeout", edits: []edit{briefly}, end: func(w *world, r *run) { w.end(r) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			proves(t, "a run that "+test.proves+" in mid-transfer leaves nothing after the next run, which is whole", onEach, func(t *testing.T, on pair) {
				w := newWorld(t, on, append([]edit{slowly}, test.edits...)...)
				data, source, destination := w.disturbable()
				for _, r := range []*run{source, destination} {
					test.end(w, r)
					w.noPods(r)
				}
				assert.NotEqual(t, remote.Succeeded, source.Phase, "%s", source)
				assert.Empty(t, w.replicaSnapshots())
				if test.tidy {
					w.clean()
				}
				w.spec.Spec.Timeout, w.spec.Spec.Rsync.BandwidthLimit = "10m", ""
				w.write()
				w.apply()
				source, _ = w.sync()
				w.identical(data, w.replicaSnapshot(w.committed(source)))
				w.clean()
			})
		})
	}
}

// briefly has runs end in the middle of the transfer of a slow one.
func briefly(r *spec.Replication) {
	r.Spec.Timeout = "1m"
	r.Spec.Rsync.BandwidthLimit = "128Ki"
}

func TestRunsWait(t *testing.T) {
	proves(t, "runs that are started by hand while others of their pipelines are under way wait for their end, and are whole", onEach, func(t *testing.T, on pair) {
		w := newWorld(t, on, slowly)
		data, first, destination := w.disturbable()
		again, second := w.startDestination(), w.startSource()
		w.succeeded(first, destination)
		w.committed(first)
		w.succeeded(second, again)
		require.False(t, w.state().Last.RecoveryPoint.Before(first.Finished), "the copy of the second run is older than the end of the first")
		w.identical(data, w.replicaSnapshot(w.committed(second)))
		w.clean()
	})
}
