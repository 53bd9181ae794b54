package main

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/tree"
)

// An index that is lost, damaged or another's is made anew, and what changed
// behind the same size and time meanwhile arrives all the same.
func TestIndexThatTellsNothing(t *testing.T) {
	other := newSites(t)
	other.write(map[string]string{"one": "other 1"})
	foreign := filepath.Join(other.index(), "index.zst")
	other.copied("first")
	for name, spoil := range map[string]func(file string) error{
		"lost":      os.Remove,
		"truncated": func(file string) error { return os.Truncate(file, 1500) },
		"foreign": func(file string) error {
			b, err := os.ReadFile(foreign)
			require.NoError(t, err)
			return os.WriteFile(file, b, 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSites(t)
			index := s.index()
			s.some()
			s.write(map[string]string{"one": "content 1"})
			s.copied("first")
			require.NoError(t, spoil(filepath.Join(index, "index.zst")))
			s.hide("one", "CONTENT 1")
			_, log := s.pushed("second")
			assert.Contains(t, log, fullComparison)
			_, log = s.pushed("third")
			assert.Contains(t, log, nothingChanged)
			s.hide("one", "content 2")
			_, log = s.copied("fourth")
			assert.Contains(t, log, onlyChanges)
		})
	}
}

// A replica that a run without commit has changed is repaired by the next one,
// also where the source is again what it was.
func TestRunWithoutCommitIsNoticed(t *testing.T) {
	s := newSites(t)
	s.index()
	s.some()
	s.write(map[string]string{"big": strings.Repeat("content ", 1<<19), "hidden": "content 1", "gone": "x"})
	first, _ := s.pushed("first")

	s.hide("hidden", "CONTENT 2")
	s.write(map[string]string{"big": strings.Repeat("CHANGED ", 1<<19), "a/new": "x"})
	require.NoError(t, os.Remove(filepath.Join(s.source, "gone")))
	listener, push := s.listen(), s.push("second", time.Now(), "--bandwidth-limit=1Mi")
	require.Eventually(t, func() bool {
		report, err := tree.Compare(s.dest.Snapshot(claim, first.Snapshot), s.replica(), tree.Options{})
		return err == nil && !report.Equal()
	}, time.Minute, 5*time.Millisecond)
	push.kill()
	listener.kill()
	state, _, err := s.store.Load(t.Context(), relationship)
	require.NoError(t, err)
	require.NotNil(t, state.Writing)
	assert.Equal(t, "second", state.Writing.Run)

	s.hide("hidden", "content 1")
	s.write(map[string]string{"big": strings.Repeat("content ", 1<<19), "gone": "x"})
	require.NoError(t, os.Remove(filepath.Join(s.source, "a/new")))
	_, log := s.pushed("third")
	assert.Contains(t, log, fullComparison)
	_, log = s.pushed("fourth")
	assert.Contains(t, log, nothingChanged)
}

// A run that was committed, though its push did not hear of it, has an index.
func TestLostAnswerKeepsTheIndex(t *testing.T) {
	s := newSites(t)
	s.index()
	s.some()
	s.pushed("first")
	s.write(map[string]string{"a/new": "x"})
	at := time.Now()
	t.Setenv(faultVariable, afterSave)
	listener, push := s.listen(), s.push("second", at)
	<-listener.ended
	push.kill()
	t.Setenv(faultVariable, "")
	assert.Contains(t, s.finish("second", at).Reason, "committed before")
	s.write(map[string]string{"a/newer": "x"})
	_, log := s.pushed("third")
	assert.Contains(t, log, onlyChanges)
}

// The guard counts what is gone before anything is sent.
func TestGuardByIndex(t *testing.T) {
	s := newSites(t)
	s.index()
	s.some()
	first, _ := s.pushed("first")
	require.NoError(t, os.RemoveAll(filepath.Join(s.source, "b")))
	s.write(map[string]string{"d/same1": "changed"})
	exit, out := s.once("second", "--max-delete=5")
	assert.Equal(t, contract.ExitRefused, exit)
	assert.Equal(t, contract.RefusedDeletions, out.Code)
	assert.Contains(t, out.Reason, `"b/c/same1"`)
	report, err := tree.Compare(s.dest.Snapshot(claim, first.Snapshot), s.replica(), tree.Options{})
	require.NoError(t, err)
	assert.True(t, report.Equal(), report.String())
	last, log := s.pushed("third", "--max-delete=7")
	assert.Contains(t, log, onlyChanges)
	assert.Equal(t, int64(7), last.Deleted)
}

// With filters, changes alone are sent, too; other filters mean a full comparison.
func TestFiltersByIndex(t *testing.T) {
	s := newSites(t)
	s.index()
	filters := filepath.Join(t.TempDir(), "filters")
	rules := func(text string) { require.NoError(t, os.WriteFile(filters, []byte(text), 0o644)) }
	run := func(id string) string {
		p := s.copy(id, time.Now(), "--filter-file="+filters, "--max-delete=100%")
		exit, out := p.wait()
		require.Equal(t, contract.ExitDone, exit, out.Reason)
		return p.log.String()
	}
	s.some()
	s.write(map[string]string{"a/x.tmp": "not sent", "e/cache/c": "c", "e/x": "x", "one": "content 1"})
	rules("- *.tmp\n")
	run("first")
	assert.NoFileExists(t, filepath.Join(s.replica(), "a/x.tmp"))
	s.write(map[string]string{"a/new": "sent", "a/y.tmp": "not sent"})
	require.NoError(t, os.Remove(filepath.Join(s.source, "d/same1")))
	assert.Contains(t, run("second"), onlyChanges)
	assert.FileExists(t, filepath.Join(s.replica(), "a/new"))
	assert.NoFileExists(t, filepath.Join(s.replica(), "a/y.tmp"))
	assert.NoFileExists(t, filepath.Join(s.replica(), "d/same1"))

	rules("- *.tmp\n- cache/\n")
	s.hide("one", "CONTENT 1")
	assert.Contains(t, run("third"), fullComparison)
	content, err := os.ReadFile(filepath.Join(s.replica(), "one"))
	require.NoError(t, err)
	assert.Equal(t, "CONTENT 1", string(content))
	require.NoError(t, os.RemoveAll(filepath.Join(s.source, "e")))
	assert.Contains(t, run("fourth"), onlyChanges)
	assert.FileExists(t, filepath.Join(s.replica(), "e/cache/c"), "what is left out is not deleted")
	assert.NoFileExists(t, filepath.Join(s.replica(), "e/x"))
	s.write(map[string]string{"e": "a file now"})
	exit, out := s.copy("fifth", time.Now(), "--filter-file="+filters).wait()
	assert.Equal(t, contract.ExitRefused, exit)
	assert.Equal(t, contract.RefusedFilter, out.Code, out.Reason)
}

// A live source has a digest when it stood still, and then its changes alone are
// sent.
func TestLiveSourceByIndex(t *testing.T) {
	s := newSites(t)
	s.index()
	s.always = append(s.always, "--method=Direct")
	s.some()
	out, _ := s.pushed("first")
	assert.NotEmpty(t, out.Digest)
	s.write(map[string]string{"a/new": "x"})
	require.NoError(t, os.Remove(filepath.Join(s.source, "d/same1")))
	next, log := s.pushed("second")
	assert.Contains(t, log, onlyChanges)
	assert.NotEqual(t, out.Digest, next.Digest)

	s.write(map[string]string{"big": strings.Repeat("content ", 1<<19)})
	listener, push := s.listen(), s.push("third", time.Now(), "--bandwidth-limit=4Mi")
	require.Eventually(t, func() bool {
		_, err := os.Stat(filepath.Join(s.replica(), "big"))
		return err == nil
	}, time.Minute, 5*time.Millisecond)
	s.write(map[string]string{"b/came": "and goes"})
	require.NoError(t, os.Remove(filepath.Join(s.source, "b/came")))
	exit, busy := push.wait()
	require.Equal(t, contract.ExitDone, exit, push.log.String())
	listener.wait()
	assert.Empty(t, busy.Digest)
	s.hide("a/new", "y")
	quiet, log := s.pushed("fourth")
	assert.Contains(t, log, fullComparison)
	assert.NotEmpty(t, quiet.Digest)
}

// Whatever is killed at whichever instant, the next run makes the replica equal,
// also where content changed behind the same size and time.
func TestKilledByIndex(t *testing.T) {
	rounds := 12
	if testing.Short() {
		rounds = 2
	}
	s := newSites(t)
	s.index()
	rng := rand.New(rand.NewPCG(51, 52))
	s.fill(rng)
	s.write(map[string]string{"hidden": "00000000"})
	for n := range rounds {
		dir := filepath.Join(s.source, "d"+string(rune('0'+n%10)))
		for i := range 10 {
			s.write(map[string]string{filepath.Join(filepath.Base(dir), "n"+runID(i)): strings.Repeat("x", rng.IntN(10_000))})
		}
		for kill := range 2 {
			s.hide("hidden", time.Unix(int64(n*10+kill), 0).UTC().Format("15.04.05"))
			listener, push := s.listen(), s.push("killed-"+runID(10*n+kill), time.Now())
			time.Sleep(time.Duration(rng.IntN(500)) * time.Millisecond)
			push.kill()
			time.Sleep(time.Duration(rng.IntN(30)) * time.Millisecond)
			listener.kill()
		}
		if n%2 == 0 {
			s.hide("hidden", "00000000")
		}
		out, _ := s.pushed(runID(n), "--max-delete=100%")
		require.NoError(t, s.store.DeleteSnapshot(t.Context(), claim, out.Snapshot))
	}
}

// What a first run left that was killed, or somebody put into the replica, may
// hide other content behind the same size and time.
func TestFirstRunByIndexIntoUsedReplica(t *testing.T) {
	s := newSites(t)
	s.index()
	s.some()
	s.write(map[string]string{"hidden": "CONTENT 1"})
	info, err := os.Stat(filepath.Join(s.source, "hidden"))
	require.NoError(t, err)
	left := filepath.Join(s.replica(), "hidden")
	require.NoError(t, os.MkdirAll(filepath.Dir(left), 0o755))
	require.NoError(t, os.WriteFile(left, []byte("content 1"), 0o644))
	require.NoError(t, os.Chtimes(left, time.Time{}, info.ModTime()))
	out, log := s.pushed("first")
	assert.NotEmpty(t, out.Digest)
	assert.Contains(t, log, fullComparison)
}
