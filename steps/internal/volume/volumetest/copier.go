package volumetest

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/steps/internal/volume"
)

var copierTests = map[string]func(*testing.T, Harness){
	"a copy holds what was there and nothing later": func(t *testing.T, h Harness) {
		h.Write(t, claim, files(20, "old"))
		made := mustCopy(t, h, copyRequest(owner("run-1")))
		assert.Equal(t, "scribe-copy-run-1", made.Claim)
		h.Write(t, claim, files(30, "new"))
		assert.Equal(t, files(20, "old"), h.Read(t, made.Claim))
	},
	"a retry finds the copy": func(t *testing.T, h Harness) {
		h.Write(t, claim, files(5, "old"))
		first := mustCopy(t, h, copyRequest(owner("run-1")))
		h.Write(t, claim, files(5, "new"))
		second := mustCopy(t, h, copyRequest(owner("run-1")))
		assert.Equal(t, first.Claim, second.Claim)
		assert.Equal(t, first.Method, second.Method)
		assert.True(t, first.RecoveryPoint.Equal(second.RecoveryPoint), "%s became %s", first.RecoveryPoint, second.RecoveryPoint)
		assert.Equal(t, files(5, "old"), h.Read(t, second.Claim))
	},
	"every method": func(t *testing.T, h Harness) {
		h.Write(t, claim, files(5, "x"))
		for _, method := range []string{"Auto", "Clone", "Snapshot"} {
			req := copyRequest(owner("run-" + map[string]string{"Auto": "a", "Clone": "c", "Snapshot": "s"}[method]))
			req.Method = method
			made := mustCopy(t, h, req)
			assert.Equal(t, files(5, "x"), h.Read(t, made.Claim), method)
		}
		req := copyRequest(owner("run-x"))
		req.Method = "Teleport"
		_, err := h.Store().Copy(t.Context(), req)
		assert.ErrorContains(t, err, "Teleport")
	},
	"Direct is the claim itself": func(t *testing.T, h Harness) {
		h.Write(t, claim, files(5, "x"))
		req := copyRequest(owner("run-1"))
		req.Method = "Direct"
		made := mustCopy(t, h, req)
		assert.Equal(t, claim, made.Claim)
		assert.Equal(t, "Direct", made.Method)
		removed, err := h.Store().RemoveTemporary(t.Context(), owner("run-1"))
		require.NoError(t, err)
		assert.Empty(t, removed)
		assert.Equal(t, files(5, "x"), h.Read(t, claim))
	},
	"an unknown claim": func(t *testing.T, h Harness) {
		_, err := h.Store().Copy(t.Context(), copyRequest(owner("run-1")))
		require.ErrorIs(t, err, volume.ErrNotFound)
		assert.ErrorContains(t, err, claim)
	},
	"another's volume of that name is left alone": func(t *testing.T, h Harness) {
		h.Write(t, claim, files(5, "x"))
		h.Write(t, "scribe-copy-run-1", map[string]string{"a": "person's"})
		_, err := h.Store().Copy(t.Context(), copyRequest(owner("run-1")))
		require.ErrorIs(t, err, volume.ErrExists)
		assert.ErrorContains(t, err, "scribe-copy-run-1")
		mustCopy(t, h, copyRequest(stranger("run-2")))
		_, err = h.Store().Copy(t.Context(), copyRequest(owner("run-2")))
		require.ErrorIs(t, err, volume.ErrExists)
		assert.ErrorContains(t, err, "shop-secondary")
		_, err = h.Store().RemoveTemporary(t.Context(), owner("run-1"))
		require.NoError(t, err)
		assert.Equal(t, map[string]string{"a": "person's"}, h.Read(t, "scribe-copy-run-1"))
	},
	"a copy that is kept stays, however it was made": func(t *testing.T, h Harness) {
		h.Write(t, claim, files(5, "x"))
		for _, method := range []string{"Clone", "Snapshot"} {
			req := copyRequest(owner("run-1"))
			req.Name, req.Method, req.Keep = "before-"+map[string]string{"Clone": "c", "Snapshot": "s"}[method], method, true
			made := mustCopy(t, h, req)
			for _, remove := range []func(context.Context, volume.Owner) ([]string, error){
				h.Store().RemoveTemporary, h.Store().RemoveLeftovers,
			} {
				removed, err := remove(t.Context(), owner("run-2"))
				require.NoError(t, err)
				assert.Empty(t, removed)
			}
			assert.Equal(t, files(5, "x"), h.Read(t, made.Claim), method)
		}
	},
	"temporary copies go, others stay": func(t *testing.T, h Harness) {
		h.Write(t, claim, files(5, "x"))
		dead := mustCopy(t, h, copyRequest(owner("run-dead")))
		own := mustCopy(t, h, copyRequest(owner("run-own")))
		others := mustCopy(t, h, copyRequest(stranger("run-other")))

		removed, err := h.Store().RemoveLeftovers(t.Context(), owner("run-own"))
		require.NoError(t, err)
		assert.Equal(t, []string{dead.Claim}, removed)
		assert.Nil(t, h.Read(t, dead.Claim))
		assert.NotNil(t, h.Read(t, own.Claim))

		removed, err = h.Store().RemoveTemporary(t.Context(), owner("run-own"))
		require.NoError(t, err)
		assert.Equal(t, []string{own.Claim}, removed)
		assert.Nil(t, h.Read(t, own.Claim))
		assert.Equal(t, files(5, "x"), h.Read(t, others.Claim))
		assert.Equal(t, files(5, "x"), h.Read(t, claim))

		removed, err = h.Store().RemoveTemporary(t.Context(), owner("run-own"))
		require.NoError(t, err)
		assert.Empty(t, removed)
	},
}
