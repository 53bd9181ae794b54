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
	"github.com/backube/scribe-gen/tree/treetest"
)

// Messages that say which way a run went.
const (
	onlyChanges    = "only changes are sent"
	fullComparison = "full comparison"
	nothingChanged = "nothing changed"
)

// copied copies a run and returns what it logged, too.
func (s *sites) copied(run string, extra ...string) (contract.Outcome, string) {
	s.t.Helper()
	p := s.copy(run, time.Now(), extra...)
	code, out := p.wait()
	require.Equal(s.t, contract.ExitDone, code, "%s\n%s", out.Reason, p.log.String())
	s.requireReplica(out.Snapshot, tree.Options{})
	return out, p.log.String()
}

// pushed is copied over the network.
func (s *sites) pushed(run string, extra ...string) (contract.Outcome, string) {
	s.t.Helper()
	listener, p := s.listen(), s.push(run, time.Now(), extra...)
	code, out := p.wait()
	require.Equal(s.t, contract.ExitDone, code, "push: %s\n%s\nlisten:\n%s", out.Reason, p.log.String(), listener.log.String())
	listener.wait()
	s.requireReplica(out.Snapshot, tree.Options{})
	return out, p.log.String()
}

// hide changes the content of a file of the same size and puts its time back.
func (s *sites) hide(name, content string) {
	s.t.Helper()
	path := filepath.Join(s.source, name)
	info, err := os.Stat(path)
	require.NoError(s.t, err)
	require.Equal(s.t, info.Size(), int64(len(content)))
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	require.NoError(s.t, err)
	_, err = f.WriteAt([]byte(content), 0)
	require.NoError(s.t, err)
	require.NoError(s.t, f.Close())
	require.NoError(s.t, os.Chtimes(path, time.Time{}, info.ModTime()))
}

// some fills the source with small files, so that most of it stays as it is.
func (s *sites) some() {
	for _, dir := range []string{"", "a/", "b/c/", "d/"} {
		for _, name := range []string{"1", "2", "3", "4", "5"} {
			s.write(map[string]string{dir + "same" + name: "content"})
		}
	}
}

// Most runs send only what changed, and a run without changes asks nothing.
func TestOnlyChangesAreLookedAt(t *testing.T) {
	s := newSites(t)
	s.index()
	treetest.Make(t, s.source, treetest.MaxPath(4000), treetest.NoHuge())
	before, _ := s.pushed("first")
	rng := rand.New(rand.NewPCG(31, 32))
	few := 0
	for n := range 6 {
		treetest.Mutate(t, s.source, rng)
		out, log := s.pushed(runID(n))
		assert.NotEqual(t, before.Digest, out.Digest)
		before = out
		if strings.Contains(log, onlyChanges) {
			few++
		}
		same, log := s.pushed(runID(100 + n))
		assert.Contains(t, log, nothingChanged)
		assert.Equal(t, out.Digest, same.Digest)
		assert.Equal(t, out.Total, same.Total)
		assert.Less(t, same.Wire, int64(20<<10))
	}
	assert.Greater(t, few, 3)
	state, _, err := s.store.Load(t.Context(), relationship)
	require.NoError(t, err)
	assert.Equal(t, before.Digest, state.Last.Digest)
	assert.Nil(t, state.Writing)
}

// Content that was changed in place, with size and time of modification put
// back, is replicated, of files with several names, too.
func TestHiddenChangesArrive(t *testing.T) {
	s := newSites(t)
	s.index()
	s.some()
	s.write(map[string]string{"one": "content 1", "a/two": "content 2"})
	require.NoError(t, os.Link(filepath.Join(s.source, "a/two"), filepath.Join(s.source, "b/linked")))
	s.copied("first")
	s.hide("one", "CONTENT 1")
	_, log := s.copied("second")
	assert.Contains(t, log, onlyChanges)
	s.hide("b/linked", "CONTENT 2")
	_, log = s.pushed("third")
	assert.Contains(t, log, onlyChanges)
}

// Files with several names are told apart, joined and moved between groups, also
// where contents and times are the same.
func TestLinksByIndex(t *testing.T) {
	t.Run("few changes", func(t *testing.T) { linksByIndex(t, false) })
	t.Run("most changes", func(t *testing.T) { linksByIndex(t, true) })
}

func linksByIndex(t *testing.T, most bool) {
	s := newSites(t)
	s.index()
	old := time.Unix(9, 9)
	rng := rand.New(rand.NewPCG(41, 42))
	for n := range 12 {
		require.NoError(t, os.RemoveAll(filepath.Join(s.source, "links")))
		var made []string
		for _, name := range []string{"a", "b", "c", "d/a", "d/b", "e/f/g", "z"} {
			path := filepath.Join(s.source, "links", name)
			require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
			switch kind := rng.IntN(5); {
			case kind == 0: // not there
				continue
			case kind > 2 && len(made) > 0:
				require.NoError(t, os.Link(made[rng.IntN(len(made))], path))
			default:
				require.NoError(t, os.WriteFile(path, []byte{'x', byte('0' + rng.IntN(2))}, 0o644))
				require.NoError(t, os.Chtimes(path, old, old))
			}
			made = append(made, path)
		}
		if n == 0 || most {
			s.some()
		}
		_, log := s.copied(runID(n), "--max-delete=100%")
		assert.Equal(t, n > 0 && !most, strings.Contains(log, onlyChanges), log)
	}
}

// Entries of one type become another, directories go with all that is in them, and
// no name means something else to rsync.
func TestTypesAndNamesByIndex(t *testing.T) {
	s := newSites(t)
	s.index()
	s.some()
	names := []string{"#recycle", ";x", "-rf", "--delete", " lead", "trail ", "new\nline", "+ x", "- x", "!", ". x", "a\rb", "\xff\xfe",
		"[abc]", "*", ".hidden", ":", "host:path", "~", "%s", "\\#012", "'", "\"", "lost+found2"}
	for _, name := range names {
		s.write(map[string]string{"d/" + name + "/deep/er/f": "one", "d/f" + name: "x", "d/g" + name: "x"})
	}
	s.pushed("first")
	for n, name := range names {
		dir := filepath.Join(s.source, "d", name)
		require.NoError(t, os.Remove(filepath.Join(s.source, "d", "f"+name)))
		require.NoError(t, os.RemoveAll(dir))
		switch n % 4 {
		case 0:
			require.NoError(t, os.Symlink("nowhere", dir))
		case 1:
			require.NoError(t, os.WriteFile(dir, []byte("a file now"), 0o644))
		case 2:
			s.write(map[string]string{"d/" + name + "/other": "x"})
		}
		s.write(map[string]string{"d/f" + name + "/now/a": "directory"})
	}
	for i := range 200 { // so that the changes are the smaller part
		s.write(map[string]string{"e/" + runID(i): "x"})
	}
	out, _ := s.pushed("more", "--max-delete=100%")
	require.NoError(t, os.Remove(filepath.Join(s.source, "d/g"+names[0])))
	_, log := s.pushed("again")
	assert.Contains(t, log, onlyChanges)
	for n, name := range names {
		if n%4 != 3 {
			require.NoError(t, os.RemoveAll(filepath.Join(s.source, "d", name)))
			s.write(map[string]string{"d/" + name + "/is a/directory": "again"})
		}
		require.NoError(t, os.RemoveAll(filepath.Join(s.source, "d", "f"+name)))
	}
	last, log := s.pushed("last")
	assert.Contains(t, log, onlyChanges)
	assert.NotEqual(t, out.Digest, last.Digest)
	assert.Positive(t, last.Deleted)
}

// The attributes of the root travel when nothing else changed, or only an entry of
// the root is gone.
func TestOnlyTheRootByIndex(t *testing.T) {
	s := newSites(t)
	s.index()
	s.some()
	s.write(map[string]string{"gone": "x"})
	s.copied("first")
	require.NoError(t, os.Chmod(s.source, os.ModeSetgid|0o750))
	_, log := s.copied("second")
	assert.Contains(t, log, onlyChanges)
	require.NoError(t, os.Remove(filepath.Join(s.source, "gone")))
	out, log := s.copied("third")
	assert.Contains(t, log, onlyChanges)
	assert.Equal(t, int64(1), out.Deleted)
}
