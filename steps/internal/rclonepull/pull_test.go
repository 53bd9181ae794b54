package rclonepull_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/volume"
	"github.com/backube/scribe-gen/tree/sample"
	"github.com/backube/scribe-gen/tree/treetest"
)

func TestPull(t *testing.T) {
	e := newEdge(t)
	treetest.Make(t, e.root, treetest.NoHuge())
	g := e.publish("push-1")
	out := e.done()
	assert.Equal(t, contract.ResultDone, out.Outcome)
	assert.Equal(t, g.Number, out.Generation)
	assert.Equal(t, g.Digest, out.Digest)
	assert.True(t, out.RecoveryPoint.Equal(g.RecoveryPoint))
	assert.Equal(t, g.Entries, out.Entries)
	assert.Equal(t, g.Bytes, out.Total)
	assert.Positive(t, out.Files)
	assert.Positive(t, out.Bytes)
	e.equal(out)
	state := e.state()
	assert.Equal(t, g.Digest, state.Last.Digest)
	assert.Equal(t, g.Number, state.Last.Generation)
	assert.Nil(t, state.Writing)
	assert.Empty(t, readers(t, e), "the pin is left")

	t.Run("the run again", func(t *testing.T) {
		code, again := e.pullRun(state.Last.Run)
		assert.Equal(t, contract.ExitDone, code)
		assert.Equal(t, out.Snapshot, again.Snapshot)
		assert.Equal(t, out.Generation, again.Generation)
	})
	t.Run("the generation again", func(t *testing.T) {
		again := e.done()
		assert.Equal(t, contract.ResultNothing, again.Outcome)
		assert.Equal(t, out.Snapshot, again.Snapshot)
		assert.Zero(t, again.Wire)
		assert.Len(t, e.snapshots(), 1)
	})
	t.Run("unchanged", func(t *testing.T) {
		g := e.publish("push-2")
		require.True(t, g.Unchanged)
		again := e.done()
		assert.Equal(t, contract.ResultNothing, again.Outcome)
		assert.True(t, again.RecoveryPoint.Equal(g.RecoveryPoint))
		assert.Len(t, e.snapshots(), 1)
		last := e.state().Last
		assert.True(t, last.Current().Equal(g.RecoveryPoint))
		assert.Equal(t, g.Number, last.Generation)
	})
}

func TestChangesArePulled(t *testing.T) {
	e := newEdge(t)
	treetest.Make(t, e.root, treetest.NoHuge())
	e.publish("push-0")
	e.equal(e.done("--max-delete=100%"))
	rng := sample.NewRand(3)
	for i := range 5 {
		treetest.Mutate(t, e.root, rng)
		e.publish("push-" + string(rune('a'+i)))
		e.equal(e.done())
	}
	assert.Len(t, e.snapshots(), 6)
}

func readers(t testing.TB, e *edge) []string {
	found, err := filepath.Glob(filepath.Join(e.bucket, "readers", "*"))
	require.NoError(t, err)
	return found
}

func TestStoreWithoutGeneration(t *testing.T) {
	e := newEdge(t)
	write(t, e.replica()+"/mine", "x")
	out := e.refused(contract.RefusedNoGeneration)
	assert.Contains(t, out.Reason, e.bucket)
	out = e.done("--allow-empty-source")
	assert.Equal(t, contract.ResultNothing, out.Outcome)
	assert.NotEmpty(t, out.Reason)
	assert.FileExists(t, e.replica()+"/mine")
	write(t, e.root+"/theirs", "x")
	e.publish("push-1")
	e.refused(contract.RefusedNoGeneration, "--generation=2", "--allow-empty-source")
}

func TestGuard(t *testing.T) {
	e := newEdge(t)
	for _, name := range []string{"a", "b", "c", "d"} {
		write(t, filepath.Join(e.root, name), name)
	}
	e.publish("push-1")
	e.equal(e.done("--max-delete=0"))
	for _, name := range []string{"b", "c", "d"} {
		require.NoError(t, os.Remove(filepath.Join(e.root, name)))
	}
	e.publish("push-2")
	out := e.refused(contract.RefusedDeletions, "--max-delete=2")
	for _, name := range []string{`"b"`, `"c"`, `"d"`} {
		assert.Contains(t, out.Reason, name)
	}
	out = e.done("--max-delete=3")
	assert.EqualValues(t, 3, out.Deleted)
	e.equal(out)
	require.NoError(t, os.Remove(e.root+"/a"))
	e.publish("push-3")
	e.refused(contract.RefusedEmptySource)
	e.equal(e.done("--allow-empty-source"))
}

func TestOlderGeneration(t *testing.T) {
	e := newEdge(t)
	old := filepath.Join(t.TempDir(), "old")
	write(t, e.root+"/file", "old")
	require.NoError(t, os.CopyFS(old, os.DirFS(e.root)))
	first := e.publish("push-1")
	write(t, e.root+"/file", "new")
	second := e.publish("push-2")
	e.equal(e.done())

	out := e.done("--generation=1")
	assert.Equal(t, first.Number, out.Generation)
	content, err := os.ReadFile(e.replica() + "/file")
	require.NoError(t, err)
	assert.Equal(t, "old", string(content))
	assert.True(t, e.state().Last.RecoveryPoint.Equal(first.RecoveryPoint))

	out = e.done()
	assert.Equal(t, second.Number, out.Generation)
	e.equal(out)

	// A store that was put back is not followed by itself.
	require.NoError(t, os.Remove(filepath.Join(e.bucket, "generations", "00000002.json")))
	out = e.refused(contract.RefusedStale)
	assert.Contains(t, out.Reason, "--generation=1")
}

// What a killed pull did to the replica is undone even when the latest generation
// is the one that was committed before; the replica snapshot of it is still good.
func TestReplicaThatWasWrittenToIsRepaired(t *testing.T) {
	e := newEdge(t)
	write(t, e.root+"/file", "content")
	e.publish("push-1")
	first := e.done()
	_, err := volume.Update(t.Context(), e.sites, relationship, func(s *contract.State) error {
		s.Writing = &contract.Writing{Run: "killed", Time: time.Now()}
		return nil
	})
	require.NoError(t, err)
	write(t, e.replica()+"/file", "CONTENT")
	out := e.done()
	assert.Equal(t, contract.ResultNothing, out.Outcome)
	assert.Equal(t, first.Snapshot, out.Snapshot)
	assert.Nil(t, e.state().Writing)
	e.equal(out)
}

func TestPromotedAndPausedReplicasAreLeftAlone(t *testing.T) {
	e := newEdge(t)
	write(t, e.root+"/file", "content")
	e.publish("push-1")
	e.done()
	write(t, e.root+"/file", "other content")
	e.publish("push-2")
	set := func(change func(*contract.State)) {
		_, err := volume.Update(t.Context(), e.sites, relationship, func(s *contract.State) error { change(s); return nil })
		require.NoError(t, err)
	}
	set(func(s *contract.State) { s.Paused = &contract.Pause{Time: time.Now().UTC(), Reason: "test"} })
	e.refused(contract.RefusedPaused)
	set(func(s *contract.State) { s.Promoted = &contract.Promotion{Time: time.Now().UTC()} })
	e.refused(contract.RefusedPromoted)
	e.refused(contract.RefusedPromoted, "--generation=1")
}

func TestFiltersProtectWhatIsOnlyAtTheReplica(t *testing.T) {
	e := newEdge(t)
	rules := filepath.Join(t.TempDir(), "rules")
	require.NoError(t, os.WriteFile(rules, []byte("- *.mine\n- /cache/\n"), 0o600))
	write(t, e.root+"/file", "content")
	write(t, e.root+"/gone/file", "content")
	e.publish("push-1")
	e.done("--filter-file=" + rules)
	write(t, e.replica()+"/gone/a.mine", "mine")
	write(t, e.replica()+"/cache/b", "mine")
	require.NoError(t, os.RemoveAll(e.root+"/gone"))
	e.publish("push-2")
	out := e.done("--filter-file=" + rules)
	assert.EqualValues(t, 1, out.Deleted)
	require.Len(t, out.Warnings, 1)
	assert.FileExists(t, e.replica()+"/gone/a.mine")
	assert.FileExists(t, e.replica()+"/cache/b")
	write(t, e.root+"/gone", "a file")
	e.publish("push-3")
	out = e.refused(contract.RefusedFilter, "--filter-file="+rules)
	assert.Contains(t, out.Reason, "gone/a.mine")
}

func TestDamagedStores(t *testing.T) {
	object := func(e *edge) string {
		found, err := filepath.Glob(filepath.Join(e.bucket, "files", "*", "file"))
		require.NoError(t, err)
		require.NotEmpty(t, found)
		return found[len(found)-1]
	}
	for name, c := range map[string]struct {
		damage func(t *testing.T, e *edge)
		says   string
	}{
		"object of other content": {func(t *testing.T, e *edge) {
			require.NoError(t, os.WriteFile(object(e), []byte("CONTENT TWO"), 0o644))
		}, "not what the manifest says"},
		"object that is gone": {func(t *testing.T, e *edge) {
			require.NoError(t, os.Remove(object(e)))
		}, "removes objects"},
		"generation that is gone": {func(t *testing.T, e *edge) {
			found, err := filepath.Glob(filepath.Join(e.bucket, "manifests", "*"))
			require.NoError(t, err)
			for _, m := range found {
				require.NoError(t, os.Remove(m))
			}
		}, "nothing was committed"},
		"manifest of another tree": {func(t *testing.T, e *edge) {
			found, err := filepath.Glob(filepath.Join(e.bucket, "manifests", "*"))
			require.NoError(t, err)
			require.Len(t, found, 2)
			b, err := os.ReadFile(found[0])
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(found[1], b, 0o644))
		}, "must be"},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEdge(t)
			write(t, e.root+"/file", "content one")
			e.publish("push-1")
			first := e.done()
			write(t, e.root+"/file", "content two")
			e.publish("push-2")
			c.damage(t, e)
			code, out := e.pull()
			assert.Equal(t, contract.ExitFailed, code)
			assert.Contains(t, out.Reason, c.says)
			assert.Equal(t, []string{first.Snapshot}, e.snapshots())
			assert.Equal(t, first.Snapshot, e.state().Last.Snapshot)
		})
	}
}

func TestReadOnlyStore(t *testing.T) {
	e := newEdge(t)
	write(t, e.root+"/file", "content")
	e.publish("push-1")
	require.NoError(t, os.WriteFile(e.bucket+"/readers", nil, 0o400), "nothing can be put there")
	require.NoError(t, os.WriteFile(e.config+"/RCLONE_LOW_LEVEL_RETRIES", []byte("1"), 0o600))
	out := e.done()
	require.Len(t, out.Warnings, 1)
	assert.Contains(t, out.Warnings[0], "pinned")
	e.equal(out)
}

func TestUsage(t *testing.T) {
	e := newEdge(t)
	for _, extra := range [][]string{
		{"--generation=-1"}, {"--max-delete=lots"}, {"--bandwidth-limit=-1"}, {"--run-id=No"}, {"--remote="}, {"--filter-file=/absent"},
	} {
		code, out := e.pull(extra...)
		assert.Equal(t, contract.ExitUsage, code, "%s: %s", extra, out.Reason)
	}
}
