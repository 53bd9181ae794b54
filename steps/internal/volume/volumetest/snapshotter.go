package volumetest

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/steps/internal/volume"
)

var snapshotterTests = map[string]func(*testing.T, Harness){
	"a snapshot has what it was cut with": func(t *testing.T, h Harness) {
		h.Write(t, claim, files(5, "x"))
		req := cutRequest("run-1", point(1))
		snapshot := mustCut(t, h, req)
		assert.Equal(t, req.Name, snapshot.Name)
		assert.Equal(t, claim, snapshot.Claim)
		assert.Equal(t, "wiki", snapshot.Replication)
		assert.Equal(t, relationship, snapshot.Relationship)
		assert.Equal(t, "run-1", snapshot.Run)
		assert.True(t, point(1).Equal(snapshot.RecoveryPoint))
		assert.False(t, snapshot.Created.IsZero())
		assert.False(t, snapshot.Keep())
	},
	"its content is fixed": func(t *testing.T, h Harness) {
		h.Write(t, claim, files(20, "old"))
		snapshot := mustCut(t, h, cutRequest("run-1", point(1)))
		h.Write(t, claim, files(25, "new"))
		again := mustCut(t, h, cutRequest("run-1", point(1)))
		assert.Equal(t, snapshot.SnapshotRecord, again.SnapshotRecord)
		restore(t, h, snapshot.Name, "restored")
		assert.Equal(t, files(20, "old"), h.Read(t, "restored"))
	},
	"several at once of one name are one": func(t *testing.T, h Harness) {
		h.Write(t, claim, files(20, "x"))
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				_, err := h.Store().Cut(t.Context(), cutRequest("run-1", point(1)))
				assert.NoError(t, err)
			})
		}
		all.Wait()
		assert.Len(t, list(t, h), 1)
	},
	"another's name is refused": func(t *testing.T, h Harness) {
		h.Write(t, claim, files(5, "x"))
		req := cutRequest("run-1", point(1))
		mustCut(t, h, req)
		req.Owner = owner("run-2")
		_, err := h.Store().Cut(t.Context(), req)
		require.ErrorIs(t, err, volume.ErrExists)
		assert.ErrorContains(t, err, "run-1")
	},
	"an unknown claim": func(t *testing.T, h Harness) {
		_, err := h.Store().Cut(t.Context(), cutRequest("run-1", point(1)))
		assert.ErrorIs(t, err, volume.ErrNotFound)
		assert.Empty(t, list(t, h))
	},
	"the newest recovery point comes first": func(t *testing.T, h Harness) {
		h.Write(t, claim, files(5, "x"))
		for _, run := range []int{2, 3, 1} {
			mustCut(t, h, cutRequest(runs[run], point(run)))
		}
		foreign := cutRequest("run-9", point(9))
		foreign.Owner, foreign.Name = stranger("run-9"), "scribe-shop-secondary-0123456789"
		mustCut(t, h, foreign)
		assert.Equal(t, []string{"run-3", "run-2", "run-1"}, list(t, h))
	},
	"deleting": func(t *testing.T, h Harness) {
		h.Write(t, claim, files(5, "x"))
		name := mustCut(t, h, cutRequest("run-1", point(1))).Name
		mustCut(t, h, cutRequest("run-2", point(2)))
		for range 2 {
			require.NoError(t, h.Store().DeleteSnapshot(t.Context(), claim, name))
			assert.Equal(t, []string{"run-2"}, list(t, h))
		}
		require.NoError(t, h.Store().DeleteSnapshot(t.Context(), "no-such-claim", name))
	},
	"waiting until it is ready": func(t *testing.T, h Harness) {
		h.Write(t, claim, files(5, "x"))
		name := mustCut(t, h, cutRequest("run-1", point(1))).Name
		require.NoError(t, h.Store().WaitReady(t.Context(), claim, name))
		all, err := h.Store().Snapshots(t.Context(), claim, relationship)
		require.NoError(t, err)
		assert.True(t, all[0].Ready)
		err = h.Store().WaitReady(t.Context(), claim, name+"x")
		assert.ErrorIs(t, err, volume.ErrNotFound)
	},
}

var runs = []string{"", "run-1", "run-2", "run-3"}

// list returns the runs of the relationship's snapshots.
func list(t *testing.T, h Harness) []string {
	t.Helper()
	all, err := h.Store().Snapshots(t.Context(), claim, relationship)
	require.NoError(t, err)
	var runs []string
	for _, s := range all {
		runs = append(runs, s.Run)
	}
	return runs
}
