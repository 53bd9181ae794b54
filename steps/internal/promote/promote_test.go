package promote_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/promote"
	"github.com/backube/scribe-gen/steps/internal/step"
	"github.com/backube/scribe-gen/steps/internal/volume"
	"github.com/backube/scribe-gen/steps/internal/volume/directory"
	"github.com/backube/scribe-gen/tree"
	"github.com/backube/scribe-gen/tree/treetest"
)

const relationship = "wiki-secondary"

// bench is a site with a replica "data", and the binary promote.
type bench struct {
	*testing.T
	dir   string
	store *directory.Store
}

func newBench(t *testing.T) *bench {
	dir := t.TempDir()
	store, err := directory.Open(dir, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	return &bench{T: t, dir: dir, store: store}
}

func point(n int) time.Time {
	return time.Now().UTC().Truncate(time.Hour).Add(time.Duration(n-10) * time.Hour)
}

// commit writes to the replica and cuts its snapshot.
func (b *bench) commit(n int) string {
	b.Helper()
	root, run := b.store.Layout().Volume("data"), fmt.Sprintf("run-%d", n)
	require.NoError(b, os.MkdirAll(root, 0o755))
	require.NoError(b, os.WriteFile(root+"/file", []byte(run), 0o644))
	made, err := b.store.Cut(b.Context(), volume.CutRequest{
		Owner: volume.Owner{Relationship: relationship, Run: run}, Claim: "data",
		Name: contract.SnapshotName(relationship, run), RecoveryPoint: point(n),
	})
	require.NoError(b, err)
	return made.Name
}

func (b *bench) promote(args ...string) (int, contract.Outcome) {
	b.Helper()
	termination := filepath.Join(b.TempDir(), "termination")
	args = append([]string{"--directory=" + b.dir, "--relationship=" + relationship, "--termination-file=" + termination}, args...)
	var stdout, stderr bytes.Buffer
	code := step.Program{Name: contract.ProgramPromote, Verbs: []step.Verb{promote.Verb()}}.Run(b.Context(), args, &stdout, &stderr)
	var out contract.Outcome
	if content, err := os.ReadFile(termination); err == nil {
		require.NoError(b, json.Unmarshal(content, &out), "%s", content)
	}
	return code, out
}

func (b *bench) to(claim string, args ...string) (int, contract.Outcome) {
	b.Helper()
	return b.promote(append([]string{"--replica=data", "--claim=" + claim}, args...)...)
}

func (b *bench) state() contract.State {
	b.Helper()
	state, _, err := b.store.Load(b.Context(), relationship)
	require.NoError(b, err)
	return state
}

func (b *bench) content(claim string) string {
	content, err := os.ReadFile(b.store.Layout().Volume(claim) + "/file")
	require.NoError(b, err)
	return string(content)
}

func TestPromote(t *testing.T) {
	b := newBench(t)
	b.commit(1)
	latest := b.commit(2)
	code, out := b.to("live")
	require.Equal(t, contract.ExitDone, code, out.Reason)
	assert.Equal(t, "live", out.Claim)
	assert.Equal(t, latest, out.Snapshot)
	assert.True(t, point(2).Equal(*out.RecoveryPoint))
	assert.Regexp(t, `8 hours( \d+ (minutes?|seconds?))? old`, out.Reason)
	assert.Equal(t, "run-2", b.content("live"))
	promoted := b.state().Promoted
	require.NotNil(t, promoted)
	assert.True(t, promoted.Complete)
	assert.Equal(t, latest, promoted.Snapshot)

	// Again, it changes nothing, not even what the application wrote.
	require.NoError(t, os.WriteFile(b.store.Layout().Volume("live")+"/file", []byte("application"), 0o644))
	for _, at := range []string{"", "latest", latest, time.Now().UTC().Format(time.RFC3339)} {
		code, out = b.to("live", "--at="+at)
		require.Equal(t, contract.ExitDone, code, out.Reason)
		assert.Equal(t, contract.ResultNothing, out.Outcome)
		assert.Equal(t, latest, out.Snapshot)
	}
	assert.Equal(t, "application", b.content("live"))
	assert.Equal(t, promoted, b.state().Promoted)

	// To something else, it is refused.
	for _, args := range [][]string{{"--claim=other"}, {"--at=" + contract.SnapshotName(relationship, "run-1")}, {"--at=absent"}} {
		code, out = b.to("live", args...)
		assert.Equal(t, contract.ExitRefused, code)
		assert.Equal(t, contract.RefusedPromoted, out.Code)
		assert.Contains(t, out.Reason, "--resume")
	}
}

func TestPromoteAt(t *testing.T) {
	b := newBench(t)
	for n := 1; n <= 3; n++ {
		b.commit(n)
	}
	second := contract.SnapshotName(relationship, "run-2")
	for at, want := range map[string]int{
		second:                        contract.ExitDone,
		point(2).Format(time.RFC3339): contract.ExitDone,
		point(3).Add(-time.Second).Format(time.RFC3339Nano): contract.ExitDone,
		point(0).Format(time.RFC3339):                       contract.ExitRefused,
		"scribe-absent":                                     contract.ExitRefused,
		"yesterday at noon":                                 contract.ExitUsage,
	} {
		code, out := b.to("live", "--at="+at)
		require.Equal(t, want, code, "%s: %s", at, out.Reason)
		if code != contract.ExitDone {
			assert.Nil(t, b.state().Promoted, "nothing may be fenced")
			continue
		}
		assert.Equal(t, second, out.Snapshot, at)
		code, _ = b.promote("--resume")
		require.Equal(t, contract.ExitDone, code)
	}
}

func TestPromoteWithoutSnapshot(t *testing.T) {
	b := newBench(t)
	code, out := b.to("live")
	assert.Equal(t, contract.ExitRefused, code)
	assert.Equal(t, contract.RefusedNoSnapshot, out.Code)
	assert.Contains(t, out.Reason, "nothing to promote")
	assert.Nil(t, b.state().Promoted)
}

func TestPromoteToForeignClaim(t *testing.T) {
	b := newBench(t)
	b.commit(1)
	require.NoError(t, os.MkdirAll(b.store.Layout().Volume("live"), 0o755))
	code, out := b.to("live")
	assert.Equal(t, contract.ExitRefused, code)
	assert.Equal(t, contract.RefusedExists, out.Code)
	assert.NotNil(t, b.state().Promoted, "fenced all the same")
	code, out = b.to("live-2")
	require.Equal(t, contract.ExitDone, code, out.Reason)
	assert.Equal(t, "run-1", b.content("live-2"))
}

func TestPromoteUsage(t *testing.T) {
	b := newBench(t)
	for _, args := range [][]string{{}, {"--replica=data"}, {"--claim=x"}, {"--replica=data", "--claim=data"}} {
		code, _ := b.promote(args...)
		assert.Equal(t, contract.ExitUsage, code, args)
	}
}

func TestPromoteAwaitsTheListener(t *testing.T) {
	b := newBench(t)
	b.commit(1)
	release, _, err := volume.LockRoot(t.Context(), b.store.Layout().Volume("data"))
	require.NoError(t, err)
	code, out := b.to("live", "--timeout=50ms")
	assert.Equal(t, contract.ExitFailed, code)
	assert.Contains(t, out.Reason, "--timeout")
	require.NotNil(t, b.state().Promoted, "pushes are refused before the listener has ended")
	assert.False(t, b.state().Promoted.Complete)

	// The listener's last commit, which began before, is what is promoted.
	last := b.commit(2)
	release()
	code, out = b.to("live")
	require.Equal(t, contract.ExitDone, code, out.Reason)
	assert.Equal(t, last, out.Snapshot)
}

// failing is a site that fails, or is killed, at the n-th call that matters.
type failing struct {
	*directory.Store
	left *int
}

var errKilled = errors.New("killed")

func (f failing) fail() bool { *f.left--; return *f.left < 0 }

func (f failing) Save(ctx context.Context, s contract.State, v volume.Version) error {
	if f.fail() {
		return errKilled
	}
	return f.Store.Save(ctx, s, v)
}

func (f failing) Restore(ctx context.Context, r volume.RestoreRequest) error {
	if f.fail() {
		return errKilled
	}
	err := f.Store.Restore(ctx, r)
	if err == nil && f.fail() {
		return errKilled
	}
	return err
}

func TestPromoteGoesOnAfterInterruption(t *testing.T) {
	command := &contract.Promote{Common: contract.Common{Relationship: relationship}, Replica: "data", Claim: "live"}
	log := slog.New(slog.DiscardHandler)
	for calls := range 5 {
		t.Run(fmt.Sprint(calls), func(t *testing.T) {
			b := newBench(t)
			chosen := b.commit(1)
			_, err := promote.Promote(t.Context(), failing{b.store, &calls}, command, log)
			require.ErrorIs(t, err, errKilled)
			decided := b.state().Promoted != nil && b.state().Promoted.Snapshot != ""
			// Something that the first attempt could not know of.
			newer := b.commit(2)
			if !decided {
				chosen = newer
			}
			out, err := promote.Promote(t.Context(), b.store, command, log)
			require.NoError(t, err)
			assert.Equal(t, chosen, out.Snapshot)
			treetest.Equal(t, b.store.Layout().Snapshot("data", chosen), b.store.Layout().Volume("live"), tree.Options{})
			assert.True(t, b.state().Promoted.Complete)
		})
	}
}

func TestResume(t *testing.T) {
	b := newBench(t)
	b.commit(1)
	code, out := b.promote("--resume")
	require.Equal(t, contract.ExitDone, code)
	assert.Equal(t, contract.ResultNothing, out.Outcome)
	_, _ = b.to("live")
	_, err := volume.Update(t.Context(), b.store, relationship, func(s *contract.State) error {
		s.Paused = &contract.Pause{Reason: "maintenance"}
		return nil
	})
	require.NoError(t, err)
	code, out = b.promote("--resume")
	require.Equal(t, contract.ExitDone, code)
	assert.Contains(t, out.Reason, "live was left alone")
	assert.Nil(t, b.state().Promoted)
	assert.Nil(t, b.state().Paused)
	assert.Equal(t, "run-1", b.content("live"))
}
