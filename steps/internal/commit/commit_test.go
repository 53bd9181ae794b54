package commit_test

import (
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/commit"
	"github.com/backube/scribe-gen/steps/internal/protocol"
	"github.com/backube/scribe-gen/steps/internal/volume"
	"github.com/backube/scribe-gen/steps/internal/volume/directory"
)

// The state says that the replica is written to until the run is committed, or the
// next one is.
func TestWriting(t *testing.T) {
	layout := contract.Layout{Directory: t.TempDir()}
	log := slog.New(slog.DiscardHandler)
	store, err := directory.Open(layout.Directory, log)
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(layout.Volume("c"), 0o755))
	c := &commit.Committer{Store: store, Relationship: "r", Replica: contract.Replica{Claim: "c", Root: layout.Volume("c")}, Log: log}
	state := func() contract.State {
		s, _, err := store.Load(t.Context(), "r")
		require.NoError(t, err)
		return s
	}
	at := time.Now()
	require.NoError(t, c.Writing(t.Context(), "one", at))
	began := state().Writing
	require.NotNil(t, began)
	require.NoError(t, c.Writing(t.Context(), "one", at), "every attempt says so")
	assert.Equal(t, began, state().Writing)
	require.NoError(t, c.Writing(t.Context(), "two", at.Add(1)))
	assert.Equal(t, contract.Writing{Run: "two", Time: began.Time}, *state().Writing)

	_, err = c.Commit(t.Context(), protocol.Commit{Run: "two", RecoveryPoint: at.Add(1), Digest: "blake3:1"})
	require.NoError(t, err)
	assert.Nil(t, state().Writing)
	assert.Equal(t, "blake3:1", state().Last.Digest)

	var refused *protocol.Refused
	require.ErrorAs(t, c.Writing(t.Context(), "one", at), &refused)
	assert.Equal(t, contract.RefusedStale, refused.Code)
	_, err = volume.Update(t.Context(), store, "r", func(s *contract.State) error {
		s.Promoted = &contract.Promotion{}
		return nil
	})
	require.NoError(t, err)
	require.ErrorAs(t, c.Writing(t.Context(), "three", at.Add(2)), &refused)
	assert.Equal(t, contract.RefusedPromoted, refused.Code)
	assert.Nil(t, state().Writing)
}
