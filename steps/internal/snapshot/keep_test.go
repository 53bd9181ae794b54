package snapshot_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/snapshot"
	"github.com/backube/scribe-gen/steps/internal/step"
	"github.com/backube/scribe-gen/steps/internal/volume"
)

// A copy that is to be kept outlives cleanup and the runs that come after.
func TestCreateKeeps(t *testing.T) {
	b := newBench(t)
	code, outcome := b.create("run-1", "--keep", "--name=before-upgrade")
	require.Equal(t, contract.ExitDone, code, outcome.Reason)
	code, _ = b.create("run-2")
	require.Equal(t, contract.ExitDone, code)
	code, _ = b.run("cleanup", "--relationship="+relationship, "--run-id=run-1")
	require.Equal(t, contract.ExitDone, code)
	assert.DirExists(t, b.store.Layout().Volume("before-upgrade"))
	assert.NoDirExists(t, b.store.Layout().Volume("scribe-copy-run-2"))

	// A retry finds it; it is not another run's.
	code, again := b.create("run-1", "--keep", "--name=before-upgrade")
	require.Equal(t, contract.ExitDone, code)
	assert.Equal(t, outcome.RecoveryPoint, again.RecoveryPoint)
	code, _ = b.create("run-3", "--keep", "--name=before-upgrade")
	assert.Equal(t, contract.ExitRefused, code)
}

func TestCreateKeepsNothingLive(t *testing.T) {
	code, outcome := newBench(t).create("run-1", "--keep", "--method=Direct")
	assert.Equal(t, contract.ExitUsage, code)
	assert.Contains(t, outcome.Reason, "--keep")
}

// live is a site whose driver makes no copies.
type live struct{ volume.Copier }

func (l live) Copy(_ context.Context, req volume.CopyRequest) (volume.Copy, error) {
	return volume.Copy{Claim: req.Claim, Method: contract.MethodDirect}, nil
}

func TestCreateKeepsNothingWhereNothingIsMade(t *testing.T) {
	b := newBench(t)
	_, err := snapshot.Create(t.Context(), live{b.store}, &contract.SnapshotCreate{
		Common: contract.Common{Relationship: relationship, Run: "run-1"}, Claim: "data", Keep: true,
	}, slog.New(slog.DiscardHandler))
	assert.Equal(t, contract.RefusedVolume, step.Refusal(err))
}
