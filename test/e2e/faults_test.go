//go:build e2e

package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/backube/scribe-gen/generator/spec"
	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/test/e2e/internal/job"
)

func TestPushKilled(t *testing.T) {
	proves(t, "the push pod is deleted in the middle of a transfer: the retry goes on, one replica snapshot of the run, identical", onMixed, func(t *testing.T, on pair) {
		killedAndWhole(t, on, "push", func(source, _ *run) *run { return source })
	})
}

func TestListenerKilled(t *testing.T) {
	proves(t, "the listener pod is deleted in the middle of a transfer: its retry takes the rest, one replica snapshot, identical", onMixed, func(t *testing.T, on pair) {
		killedAndWhole(t, on, "listen", func(_, destination *run) *run { return destination })
	})
}

// killedAndWhole deletes the pod of a step of one of the two runs in the middle of a
// transfer.
func killedAndWhole(t *testing.T, on pair, step string, of func(source, destination *run) *run) {
	t.Helper()
	w := newWorld(t, on, slowly)
	data, source, destination := w.disturbable()
	hit := of(source, destination)
	first := w.pod(hit, step)
	w.kill(first)
	w.another(first, hit, step)
	w.oneWhole(data, source, destination)
}

func TestListenerKilledBetweenSnapshotAndAnswer(t *testing.T) {
	proves(t, "the listener dies after it asked for the replica snapshot and before it answered: the run still has exactly one, and the source learns of it", onEach, func(t *testing.T, on pair) {
		needsOwnCluster(t, "fault injection")
		w := newWorld(t, on)
		w.spec.Spec.Destinations[0].VolumeSnapshotClassName = w.faultySnapshots(map[string]string{"fault.delay": "4s"})
		w.write()
		data := w.seedPlain(w.class, 30)
		w.apply()
		w.connect()
		destination, source := w.startDestination(), w.startSource()
		name := contract.SnapshotName(w.rel, source.ID)
		require.Eventually(t, func() bool {
			_, err := w.snapshots.SnapshotV1().VolumeSnapshots(w.replica).Get(t.Context(), name, metav1.GetOptions{})
			return err == nil
		}, wait, 20*time.Millisecond, "no replica snapshot was asked for")
		w.kill(w.pod(destination, "listen"))
		w.oneWhole(data, source, destination)
	})
}

func TestSnapshotNeverReady(t *testing.T) {
	proves(t, "a replica snapshot that is cut but never ready counts as committed and not as restorable: older ones stay, prune says what it waited for, promote takes the older one", onEach, func(t *testing.T, on pair) {
		needsOwnCluster(t, "fault injection")
		w := newWorld(t, on, func(r *spec.Replication) {
			r.Spec.Destinations[0].Retain = spec.Retain{Last: 1}
			r.Spec.Timeout = "2m" // the wait for readiness is a quarter of it
			r.Spec.Retry.Limit = new(1)
		})
		w.seedPlain(w.class, 20)
		w.apply()
		w.connect()
		source, _ := w.sync()
		good := w.committed(source)

		w.spec.Spec.Destinations[0].VolumeSnapshotClassName = w.faultySnapshots(map[string]string{"fault.readyAfter": "never"})
		w.write()
		w.apply()
		destination, source := w.startDestination(), w.startSource()
		w.succeeded(source)
		w.failed(destination)
		assert.Contains(t, destination.String(), "ready")
		bad := w.committed(source)
		assert.ElementsMatch(t, []string{good, bad}, w.replicaSnapshots())

		w.scribe(0, "promote", "--claim", "restored")
		w.bind(w.replica, "restored")
		w.identical(w.replicaSnapshot(good), w.volume(w.replica, "restored"))
		w.clean()
	})
}

func TestCloneRefused(t *testing.T) {
	proves(t, "a provisioner that refuses the clone: the step fails with the provisioner's words, the run leaves nothing, the next one succeeds", onEach, func(t *testing.T, on pair) {
		needsOwnCluster(t, "fault injection")
		w := newWorld(t, on, func(r *spec.Replication) {
			r.Spec.Source.CopyMethod = spec.CopyClone
			r.Spec.Timeout = "2m"
			r.Spec.Retry.Limit = new(1)
		})
		data := w.seedPlain(w.class, 20)
		w.spec.Spec.Source.StorageClassName = w.faultyClass(map[string]string{"fault.error": "no room for clones today", "fault.on": "clone"})
		w.write()
		w.apply()
		w.connect()
		refused := w.startSource()
		w.failed(refused)
		assert.Contains(t, refused.String(), "no room for clones today")
		w.clean()

		w.spec.Spec.Source.StorageClassName = ""
		w.write()
		w.apply()
		source, _ := w.sync()
		w.identical(data, w.replicaSnapshot(w.committed(source)))
		w.clean()
	})
}

func TestDestinationFull(t *testing.T) {
	proves(t, "a replica that is too small: the run fails in words, the last replica snapshot stays as it was", onEach, func(t *testing.T, on pair) {
		needsOwnCluster(t, "StorageClass capped, with volumes that can be full")
		w := newWorld(t, on, func(r *spec.Replication) {
			r.Spec.Destinations[0].StorageClassName = "capped"
			r.Spec.Destinations[0].Capacity = "64Mi"
			r.Spec.Retry.Limit = new(1)
		})
		data := w.seedPlain(w.class, 20)
		w.apply()
		w.connect()
		source, _ := w.sync()
		good := w.committed(source)

		w.work(data, job.Random("too big", 100<<20))
		destination, source := w.startDestination(), w.startSource()
		w.failed(source)
		assert.Contains(t, source.String(), "space")
		w.stop(destination)
		assert.Equal(t, []string{good}, w.replicaSnapshots())
		assert.Equal(t, good, w.state().Last.Snapshot)
		w.clean()
	})
}

func TestWrongKey(t *testing.T) {
	proves(t, "a key that the listener does not know: one attempt, exit code 78, in words", onEach, func(t *testing.T, on pair) {
		w := newWorld(t, on)
		w.seedPlain(w.class, 5)
		w.apply()
		w.connect()
		other := newWorld(t, on)
		other.seedPlain(other.class, 1)
		other.apply()
		other.connect()
		name := contract.PushSecret(w.rel)
		own := w.secret(w.source, name)
		own[contract.KeyClient] = w.secret(other.source, name)[contract.KeyClient]
		w.setSecret(w.source, name, own)

		destination, source := w.startDestination(), w.startSource()
		w.refused(source, destination, "key", "unknown client key")
		w.stop(destination)
		w.clean()
	})
}
