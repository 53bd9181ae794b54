package volumetest

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/steps/internal/volume"
)

var restorerTests = map[string]func(*testing.T, Harness){
	"a claim from a snapshot": func(t *testing.T, h Harness) {
		h.Write(t, claim, files(20, "x"))
		name := mustCut(t, h, cutRequest("run-1", point(1))).Name
		restore(t, h, name, "restored")
		assert.Equal(t, files(20, "x"), h.Read(t, "restored"))

		// It is the application's now: nothing may touch it again.
		h.Write(t, "restored", map[string]string{"new": "by the application"})
		written := h.Read(t, "restored")
		restore(t, h, name, "restored")
		_, err := h.Store().RemoveTemporary(t.Context(), owner("run-1"))
		require.NoError(t, err)
		require.NoError(t, h.Store().DeleteSnapshot(t.Context(), claim, name))
		assert.Equal(t, written, h.Read(t, "restored"))
	},
	"another claim of that name is left alone": func(t *testing.T, h Harness) {
		h.Write(t, claim, files(5, "x"))
		h.Write(t, "application", map[string]string{"a": "person's"})
		name := mustCut(t, h, cutRequest("run-1", point(1))).Name
		err := h.Store().Restore(t.Context(), restoreRequest(name, "application"))
		require.ErrorIs(t, err, volume.ErrExists)
		assert.ErrorContains(t, err, "application")
		assert.Equal(t, map[string]string{"a": "person's"}, h.Read(t, "application"))
	},
	"a claim from another snapshot is left alone": func(t *testing.T, h Harness) {
		h.Write(t, claim, files(5, "old"))
		first := mustCut(t, h, cutRequest("run-1", point(1))).Name
		h.Write(t, claim, files(5, "new"))
		second := mustCut(t, h, cutRequest("run-2", point(2))).Name
		restore(t, h, first, "restored")
		err := h.Store().Restore(t.Context(), restoreRequest(second, "restored"))
		require.ErrorIs(t, err, volume.ErrExists)
		assert.ErrorContains(t, err, first)
		assert.Equal(t, files(5, "old"), h.Read(t, "restored"))
	},
	"an unknown snapshot": func(t *testing.T, h Harness) {
		h.Write(t, claim, files(5, "x"))
		err := h.Store().Restore(t.Context(), restoreRequest("scribe-wiki-secondary-0123456789", "restored"))
		require.ErrorIs(t, err, volume.ErrNotFound)
		assert.Nil(t, h.Read(t, "restored"))
	},
}

func restoreRequest(snapshot, to string) volume.RestoreRequest {
	return volume.RestoreRequest{Owner: owner("run-1"), Replica: claim, Snapshot: snapshot, Claim: to}
}

func restore(t *testing.T, h Harness, snapshot, to string) {
	t.Helper()
	require.NoError(t, h.Store().Restore(t.Context(), restoreRequest(snapshot, to)))
}
