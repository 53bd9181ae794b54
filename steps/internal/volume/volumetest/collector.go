package volumetest

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/steps/contract"
)

// lastCommit is the commit of the n-th run.
func lastCommit(n int) contract.Commit {
	return contract.Commit{Run: runs[n], RecoveryPoint: point(n)}
}

var collectorTests = map[string]func(*testing.T, Harness){
	"what a killed run left goes, replica snapshots stay": func(t *testing.T, h Harness) {
		h.Write(t, claim, files(5, "x"))
		mustCut(t, h, cutRequest("run-1", point(1)))
		mustCut(t, h, cutRequest("run-3", point(3)))
		left := h.Abandon(t, cutRequest("run-2", point(2)))
		require.True(t, left())
		assert.Equal(t, []string{"run-3", "run-1"}, list(t, h), "what was not cut does not count")

		for removes := 1; removes >= 0; removes-- {
			removed, err := h.Store().RemoveUncut(t.Context(), claim, relationship, lastCommit(3))
			require.NoError(t, err)
			assert.Len(t, removed, removes)
			assert.False(t, left())
			assert.Equal(t, []string{"run-3", "run-1"}, list(t, h))
		}
		restore(t, h, cutRequest("run-1", point(1)).Name, "restored")
		assert.Equal(t, files(5, "x"), h.Read(t, "restored"))
	},
	"a run that may still commit finishes what it began": func(t *testing.T, h Harness) {
		h.Write(t, claim, files(5, "x"))
		mustCut(t, h, cutRequest("run-1", point(1)))
		h.Abandon(t, cutRequest("run-2", point(2)))
		_, err := h.Store().RemoveUncut(t.Context(), claim, relationship, lastCommit(1))
		require.NoError(t, err)
		mustCut(t, h, cutRequest("run-2", point(2)))
		assert.Equal(t, []string{"run-2", "run-1"}, list(t, h))
		restore(t, h, cutRequest("run-2", point(2)).Name, "restored")
		assert.Equal(t, files(5, "x"), h.Read(t, "restored"))
	},
	"replica snapshots of others and of any age stay": func(t *testing.T, h Harness) {
		h.Write(t, claim, files(5, "x"))
		h.Write(t, "other", files(5, "x"))
		mustCut(t, h, cutRequest("run-1", point(1)))
		foreign := cutRequest("run-0", point(0))
		foreign.Owner, foreign.Name = stranger("run-0"), "scribe-shop-secondary-0123456789"
		mustCut(t, h, foreign)
		elsewhere := cutRequest("run-2", point(2))
		elsewhere.Claim = "other"
		left := h.Abandon(t, elsewhere)

		removed, err := h.Store().RemoveUncut(t.Context(), claim, relationship, lastCommit(3))
		require.NoError(t, err)
		assert.Empty(t, removed)
		assert.True(t, left(), "it is of another claim")
		assert.Equal(t, []string{"run-1"}, list(t, h))
		all, err := h.Store().Snapshots(t.Context(), claim, foreign.Relationship)
		require.NoError(t, err)
		assert.Len(t, all, 1)
	},
	"an unknown claim has nothing to remove": func(t *testing.T, h Harness) {
		removed, err := h.Store().RemoveUncut(t.Context(), "no-such-claim", relationship, lastCommit(1))
		require.NoError(t, err)
		assert.Empty(t, removed)
	},
}
