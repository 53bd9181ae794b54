//go:build e2e

package e2e

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/generator/spec"
	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/test/e2e/internal/job"
)

func TestPromoteWhileListening(t *testing.T) {
	proves(t, "promotion ends an open listener, makes the application's claim from the latest replica snapshot, and the old source is refused for good", onMixed, func(t *testing.T, on pair) {
		w := newWorld(t, on)
		data := w.seed(w.class)
		w.apply()
		w.connect()
		source, _ := w.sync()
		good := w.replicaSnapshot(w.committed(source))
		w.work(data, job.Mutate(20, 3))

		destination := w.startDestination()
		w.pod(destination, "listen")
		out, _ := w.scribe(0, "promote", "-o", "json")
		var promoted struct {
			Claim         string
			RecoveryPoint time.Time
		}
		require.NoError(t, json.Unmarshal([]byte(out), &promoted))
		assert.Equal(t, claim+"-promoted", promoted.Claim)
		assert.True(t, promoted.RecoveryPoint.Equal(w.state().Last.RecoveryPoint))
		w.bind(w.replica, promoted.Claim)
		w.identical(good, w.volume(w.replica, promoted.Claim))

		// The old source comes back and knows nothing of all this; the listener has
		// stayed to tell it.
		source = w.startSource()
		w.refused(source, destination, "promoted", `"code":"promoted"`)
		w.end(destination)
		w.identical(good, w.volume(w.replica, promoted.Claim))
		w.clean()

		// Until somebody says otherwise.
		w.scribe(0, "promote", "--resume")
		source, _ = w.sync()
		w.identical(data, w.replicaSnapshot(w.committed(source)))
	})
}

func TestStatus(t *testing.T) {
	proves(t, "status tells the recovery point, its age, the last runs and why one failed, replica snapshots, the next run and promotion", onEach, func(t *testing.T, on pair) {
		w := newWorld(t, on)
		w.seedPlain(w.class, 10)
		w.apply()
		w.connect()
		read := func() (s struct {
			Relationship string
			AgeSeconds   float64
			Commit       *contract.Commit
			Snapshots    []struct{ Name string }
			State        string
		}) {
			out, _ := w.scribe(0, "status", "-o", "json")
			var all []json.RawMessage
			require.NoError(t, json.Unmarshal([]byte(out), &all))
			require.NoError(t, json.Unmarshal(all[0], &s))
			return s
		}
		assert.Nil(t, read().Commit)
		source, _ := w.sync()
		name := w.committed(source)
		s := read()
		assert.Equal(t, w.rel, s.Relationship)
		assert.Equal(t, source.ID, s.Commit.Run)
		assert.Equal(t, name, s.Snapshots[0].Name)
		assert.Greater(t, s.AgeSeconds, 0.0)
		assert.Equal(t, "active", s.State)
		w.scribe(0, "promote")
		assert.Equal(t, "promoted", read().State)
		table, _ := w.scribe(0, "status")
		assert.Contains(t, table, "promoted")
	})
}

func TestRunInOneCommand(t *testing.T) {
	proves(t, "scribe-gen run does keys, apply, submit, progress, result and clean-up in one command, twice; it makes the replica as large as the source", onEach, func(t *testing.T, on pair) {
		w := newWorld(t, on, func(r *spec.Replication) { r.Spec.Destinations[0].Capacity = "" })
		data := w.seed(w.class)
		for range 2 {
			out, _ := w.scribe(0, "run", "-o", "json", "--cleanup")
			assert.Contains(t, out, `"snapshot"`)
			w.identical(data, w.replicaSnapshot(w.state().Last.Snapshot))
			for namespace, at := range w.sides {
				left := w.kubectl("", "-n", namespace, "get", at.bundleKinds, "-o", "name")
				assert.Empty(t, left, "with --cleanup nothing that was applied stays")
			}
			w.clean()
		}
		assert.Len(t, w.replicaSnapshots(), 2)
	})
}

func TestStopByHand(t *testing.T) {
	proves(t, "Ctrl-C of scribe-gen run stops the runs of both sides, which leave nothing", onEach, func(t *testing.T, on pair) {
		w := newWorld(t, on, slowly)
		w.seedSlow()
		cmd := w.command("run")
		require.NoError(t, cmd.Start())
		require.Eventually(t, func() bool {
			pods, err := w.kube.CoreV1().Pods(w.source).List(t.Context(), listStep("push"))
			return err == nil && len(pods.Items) > 0
		}, wait, 100*time.Millisecond)
		w.receiving()
		require.NoError(t, cmd.Process.Signal(interrupt))
		require.Error(t, cmd.Wait())
		for _, namespace := range []string{w.source, w.replica} {
			all := w.runs(namespace)
			require.NotEmpty(t, all)
			for _, r := range all {
				w.failed(r)
			}
		}
		w.clean()
	})
}
