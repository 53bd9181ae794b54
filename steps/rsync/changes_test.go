package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/tree"
)

// once pushes a run to a listener of its own and returns how the push ended.
func (s *sites) once(run string, extra ...string) (int, contract.Outcome) {
	s.t.Helper()
	listener, push := s.listen("--window=5s"), s.push(run, time.Now(), extra...)
	exit, out := push.wait()
	listener.wait()
	return exit, out
}

// Changed directories are handed to rsync by name: no name may mean something
// else to it.
func TestOddNamesOfChangedDirectories(t *testing.T) { bothWays(t, oddNamesOfChangedDirectories) }

func oddNamesOfChangedDirectories(t *testing.T, s *sites) {
	names := []string{
		"#recycle", ";x", "-rf", "--delete", " lead", "trail ", "new\nline", "+ x", "- x", "!", ". x", "a\rb",
		"\xff\xfe", "[abc]", "*", ".hidden", ":", "host:path", "a/#b", "a/;c", "~", "~root", "%s", "\\#012", "'", "\"",
	}
	for _, name := range names {
		s.write(map[string]string{name + "/f": "one"})
	}
	for n := range 3 * len(names) {
		s.write(map[string]string{fmt.Sprintf("same%d/f", n): "x"})
	}
	s.sync("first")
	for _, name := range names {
		s.write(map[string]string{name + "/f": "two two", name + "/g": "new"})
	}
	out := s.sync("second")
	s.requireReplica(out.Snapshot, tree.Options{})
	assert.Equal(t, int64(2*len(names)), out.Files, "only the changed files travelled")
}

// The root's own attributes travel when nothing else changed.
func TestOnlyTheRootChanged(t *testing.T) { bothWays(t, onlyTheRootChanged) }

func onlyTheRootChanged(t *testing.T, s *sites) {
	s.write(map[string]string{"a/1": "x", "b/2": "y", "c/3": "z"})
	s.sync("first")
	require.NoError(t, os.Chmod(s.source, os.ModeSetgid|0o750))
	require.NoError(t, os.Chown(s.source, 123, 456))
	require.NoError(t, os.Chtimes(s.source, time.Unix(5, 7), time.Unix(5, 7)))
	s.requireReplica(s.sync("second").Snapshot, tree.Options{})
}

// Links at the replica that lead out of it are replaced, never followed.
func TestReplicaLinksLeadNowhere(t *testing.T) {
	s := newSites(t)
	outside := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(outside, "f"), []byte("precious"), 0o644))
	s.write(map[string]string{"d/f": "one", "e/sub/f": "one", "p/1": "x", "q/2": "x", "r/3": "x", "s/4": "x"})
	s.sync("first")
	for _, dir := range []string{"d", "e/sub"} {
		require.NoError(t, os.RemoveAll(filepath.Join(s.replica(), dir)))
		require.NoError(t, os.Symlink(outside, filepath.Join(s.replica(), dir)))
		s.write(map[string]string{dir + "/f": "two two"})
	}
	s.requireReplica(s.sync("second").Snapshot, tree.Options{})
	content, err := os.ReadFile(filepath.Join(outside, "f"))
	require.NoError(t, err)
	assert.Equal(t, "precious", string(content))
}

// A run that the guard stops has changed nothing, links included.
func TestGuardComesBeforeLinksAreRepaired(t *testing.T) {
	bothWays(t, guardComesBeforeLinksAreRepaired)
}

func guardComesBeforeLinksAreRepaired(t *testing.T, s *sites) {
	s.write(map[string]string{"a/1": "one", "b/1": "b", "b/2": "b", "b/3": "b"})
	require.NoError(t, os.Link(filepath.Join(s.source, "a/1"), filepath.Join(s.source, "a/2")))
	first := s.sync("first")
	require.NoError(t, os.RemoveAll(filepath.Join(s.source, "b")))
	require.NoError(t, os.Remove(filepath.Join(s.source, "a/2")))
	s.write(map[string]string{"a/2": "two"})
	exit, out := s.once("second", "--max-delete=1")
	assert.Equal(t, contract.ExitRefused, exit)
	assert.Equal(t, contract.RefusedDeletions, out.Code)
	report, err := tree.Compare(s.dest.Snapshot(claim, first.Snapshot), s.replica(), tree.Options{})
	require.NoError(t, err)
	assert.True(t, report.Equal(), report.String())
	exit, out = s.once("third", "--max-delete=100%")
	require.Equal(t, contract.ExitDone, exit, out.Reason)
	s.requireReplica(out.Snapshot, tree.Options{})
}

// Files that vanish from a live source are a warning; from a copy, an error.
func TestVanishingFiles(t *testing.T) {
	t.Run("without index", func(t *testing.T) { vanishingFiles(t, false) })
	t.Run("with index", func(t *testing.T) { vanishingFiles(t, true) })
}

func vanishingFiles(t *testing.T, index bool) {
	vanish := func(extra ...string) (int, contract.Outcome) {
		s := newSites(t)
		if index {
			s.index()
		}
		big := make([]byte, 8<<20)
		for i := range big {
			big[i] = byte(i*13 + i>>4)
		}
		require.NoError(t, os.WriteFile(filepath.Join(s.source, "a"), big, 0o644))
		s.write(map[string]string{"z": "gone soon"})
		listener, push := s.listen("--window=5s"), s.push("run", time.Now(), append(extra, "--bandwidth-limit=8Mi")...)
		require.Eventually(t, func() bool {
			list, _ := os.ReadDir(s.replica())
			return len(list) > 0
		}, 30*time.Second, time.Millisecond)
		require.NoError(t, os.Remove(filepath.Join(s.source, "z")))
		exit, out := push.wait()
		listener.wait()
		return exit, out
	}
	exit, out := vanish("--method=Direct")
	assert.Equal(t, contract.ExitDone, exit, out.Reason)
	assert.NotEmpty(t, out.Warnings)
	exit, out = vanish("--method=Clone")
	assert.Equal(t, contract.ExitFailed, exit, out.Reason)
	assert.Contains(t, out.Reason, "vanished")
}

// A live source that changes all the time is replicated all the same, and its
// next quiet run is exact.
func TestLiveSourceUnderChurn(t *testing.T) { bothWays(t, liveSourceUnderChurn) }

func liveSourceUnderChurn(t *testing.T, s *sites) {
	for n := range 1000 {
		s.write(map[string]string{fmt.Sprintf("d%d/f%d", n%50, n): "x"})
	}
	s.sync("first")
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for n := 0; ctx.Err() == nil; n++ {
			dir := filepath.Join(s.source, fmt.Sprintf("d%d", n%50))
			if n%97 == 0 {
				_ = os.RemoveAll(dir)
			}
			_ = os.MkdirAll(dir, 0o755)
			_ = os.WriteFile(filepath.Join(dir, fmt.Sprint("n", n)), []byte("new"), 0o644)
			_ = os.Remove(filepath.Join(dir, fmt.Sprint("n", n-150)))
		}
	}()
	for n := range 5 {
		exit, out := s.once(runID(n), "--method=Direct", "--max-delete=100%")
		assert.Equal(t, contract.ExitDone, exit, out.Reason)
	}
	cancel()
	<-ended
	exit, out := s.once("quiet", "--max-delete=100%")
	require.Equal(t, contract.ExitDone, exit, out.Reason)
	s.requireReplica(out.Snapshot, tree.Options{})
}

// An error of the receiving side may pass, and is told in its words.
func TestReceiverErrorMayBeRetried(t *testing.T) {
	s := newSites(t)
	s.write(map[string]string{"x": "1", "y": "2"})
	s.sync("first")
	fixed := filepath.Join(s.replica(), "x")
	require.NoError(t, exec.Command("chattr", "+i", fixed).Run(), "this test needs a file system with the immutable flag, and root")
	t.Cleanup(func() { _ = exec.Command("chattr", "-i", fixed).Run() })
	s.write(map[string]string{"x": "111"})
	exit, out := s.once("second")
	assert.Equal(t, contract.ExitFailed, exit)
	assert.Contains(t, out.Reason, "Operation not permitted")
	assert.Contains(t, out.Reason, "code 23")
}

// What filters leave out is neither sent nor deleted; where that is in the way,
// it is said.
func TestFilters(t *testing.T) { bothWays(t, filtersLeaveOut) }

func filtersLeaveOut(t *testing.T, s *sites) {
	filters := filepath.Join(t.TempDir(), "filters")
	require.NoError(t, os.WriteFile(filters, []byte("- cache/\n- *.tmp\n"), 0o644))
	s.write(map[string]string{"d/cache/c": "c", "d/x": "x", "e/y": "y", "e/z.tmp": "t", "k/a": "a"})
	s.sync("unfiltered")
	s.write(map[string]string{"new.tmp": "not sent", "k/b": "sent"})
	require.NoError(t, os.RemoveAll(filepath.Join(s.source, "d")))
	exit, out := s.once("filtered", "--filter-file="+filters, "--max-delete=100%")
	require.Equal(t, contract.ExitDone, exit, out.Reason)
	assert.FileExists(t, filepath.Join(s.replica(), "d/cache/c"))
	assert.NoFileExists(t, filepath.Join(s.replica(), "d/x"))
	assert.FileExists(t, filepath.Join(s.replica(), "k/b"))
	assert.NoFileExists(t, filepath.Join(s.replica(), "new.tmp"))
	assert.NotEmpty(t, out.Warnings, "a directory that stays is said")

	require.NoError(t, os.RemoveAll(filepath.Join(s.source, "e")))
	s.write(map[string]string{"e": "a file now"})
	exit, out = s.once("in-the-way", "--filter-file="+filters, "--max-delete=100%")
	assert.Equal(t, contract.ExitRefused, exit)
	assert.Equal(t, contract.RefusedFilter, out.Code, out.Reason)

	require.NoError(t, os.WriteFile(filters, []byte("- a\nmerge /etc/passwd\n"), 0o644))
	exit, out = s.once("merged", "--filter-file="+filters)
	assert.Equal(t, contract.ExitRefused, exit)
	assert.NotContains(t, out.Reason, "root:x")
	exit, _ = s.once("missing", "--filter-file=/does/not/exist")
	assert.Equal(t, contract.ExitUsage, exit)
}
