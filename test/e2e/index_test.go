//go:build e2e

package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/test/e2e/internal/job"
)

func TestIndex(t *testing.T) {
	proves(t, "with an index at the source the second run sends what changed and asks the destination for nothing; content changed in place with its time put back arrives; replica snapshots carry the digest", onEach, func(t *testing.T, on pair) {
		w := newWorld(t, on, exclude("*.tmp"), indexed)
		data := w.seed(w.class)
		w.work(data, job.Random("table", 100_000))
		w.apply()
		w.connect()
		source, _ := w.sync()
		first := w.committed(source)
		w.identical(data, w.replicaSnapshot(first))
		assert.Equal(t, source.outcome(t, "push").Digest, w.digest(first))

		w.work(data, job.Mutate(40, 11))
		w.work(data, job.Disguise("table"))
		source, destination := w.sync()
		second := w.committed(source)
		w.identical(data, w.replicaSnapshot(second))
		assert.NotEqual(t, w.digest(first), w.digest(second))
		assert.Contains(t, w.said(source, "push"), "only changes")
		assert.NotContains(t, w.said(destination, "listen"), "survey")

		// Nothing changed: the same tree has the same digest.
		source, _ = w.sync()
		third := w.committed(source)
		assert.Equal(t, w.digest(second), w.digest(third))
		assert.Zero(t, source.outcome(t, "push").Files)
		w.clean()
	})
}

// digest is that of the tree in a replica snapshot.
func (w *world) digest(snapshot string) string {
	w.t.Helper()
	s, err := w.snapshots.SnapshotV1().VolumeSnapshots(w.replica).Get(w.t.Context(), snapshot, metav1.GetOptions{})
	require.NoError(w.t, err)
	digest := s.Annotations[contract.AnnotationDigest]
	require.NotEmpty(w.t, digest, "VolumeSnapshot %s has no digest", snapshot)
	return digest
}
