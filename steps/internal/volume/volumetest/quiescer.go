package volumetest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var quiescerTests = map[string]func(*testing.T, Harness){
	"an unknown claim is at rest": func(t *testing.T, h Harness) {
		assert.NoError(t, h.Store().Quiesce(t.Context(), claim))
	},
	"a claim that nobody holds is at rest": func(t *testing.T, h Harness) {
		h.Write(t, claim, files(5, "x"))
		assert.NoError(t, h.Store().Quiesce(t.Context(), claim))
	},
	"a listener is waited for": func(t *testing.T, h Harness) {
		h.Write(t, claim, files(5, "x"))
		h.Write(t, "other", files(5, "x"))
		release := h.Hold(t, claim)
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		err := h.Store().Quiesce(ctx, claim)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.ErrorContains(t, err, claim)
		require.NoError(t, h.Store().Quiesce(t.Context(), "other"))

		atRest := make(chan error, 1)
		go func() { atRest <- h.Store().Quiesce(t.Context(), claim) }()
		release()
		assert.NoError(t, <-atRest)
	},
}
