package main

import (
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/tree"
	"github.com/backube/scribe-gen/tree/treetest"
)

// Everything a file system holds arrives as it is, on a first copy and after
// every kind of change.
func TestEveryAttributeArrives(t *testing.T) { bothWays(t, everyAttributeArrives) }

func everyAttributeArrives(t *testing.T, s *sites) {
	treetest.Make(t, s.source, treetest.MaxPath(4000))
	out := s.sync("first")
	s.requireReplica(out.Snapshot, tree.Options{})
	rng := rand.New(rand.NewPCG(1, 2))
	runs := 8
	if s.always != nil {
		runs = 3 // TestOnlyChangesAreLookedAt has more
	}
	for n := range runs {
		treetest.Mutate(t, s.source, rng)
		out = s.sync(runID(n))
		s.requireReplica(out.Snapshot, tree.Options{})
	}
}

// rsync alone leaves links that the source has separated, and in place it would
// even write through them.
func TestSeparatedLinksAreSeparated(t *testing.T) { bothWays(t, separatedLinksAreSeparated) }

func separatedLinksAreSeparated(t *testing.T, s *sites) {
	s.write(map[string]string{"one/a": "same", "two/x": "x"})
	link := func(from, to string) {
		require.NoError(t, os.Link(filepath.Join(s.source, from), filepath.Join(s.source, to)))
	}
	link("one/a", "two/b")
	link("two/x", "one/y")
	s.requireReplica(s.sync("linked").Snapshot, tree.Options{})

	for _, name := range []string{"two/b", "one/y"} {
		require.NoError(t, os.Remove(filepath.Join(s.source, name)))
	}
	s.write(map[string]string{"one/a": "same!", "two/b": "other"})
	link("one/a", "one/y")
	link("two/b", "two/c")
	s.requireReplica(s.sync("separated").Snapshot, tree.Options{})
}

// What did not change does not travel, and a run without change commits, too.
func TestOnlyChangesTravel(t *testing.T) { bothWays(t, onlyChangesTravel) }

func onlyChangesTravel(t *testing.T, s *sites) {
	big := make([]byte, 8<<20)
	rng := rand.NewChaCha8([32]byte{1})
	_, _ = rng.Read(big)
	require.NoError(t, os.WriteFile(filepath.Join(s.source, "big"), big, 0o644))
	s.write(map[string]string{"a/one": "1", "b/two": "2", "c/three": "3", "d/e/f": "4"})
	first := s.sync("first")
	assert.Greater(t, first.Wire, int64(len(big)))

	copy(big[4<<20:], "changed in place")
	require.NoError(t, os.WriteFile(filepath.Join(s.source, "big"), big, 0o644))
	second := s.sync("second")
	assert.Less(t, second.Wire, int64(1<<20))
	s.requireReplica(second.Snapshot, tree.Options{})

	third := s.sync("third")
	assert.Less(t, third.Wire, int64(20<<10))
	assert.NotEqual(t, second.Snapshot, third.Snapshot)
	assert.Equal(t, int64(len(big)+4), third.Total)
	assert.Len(t, s.snapshots(), 3)
}

// Without privileges the data is kept, and what cannot be is said or refused
// before the first byte.
func TestRestrictedListener(t *testing.T) { bothWays(t, restrictedListener) }

func restrictedListener(t *testing.T, s *sites) {
	if os.Geteuid() != 0 {
		t.Fatal("this test starts a listener as another user: run it as root")
	}
	s.restrict()
	treetest.Make(t, s.source, treetest.MaxPath(4000), treetest.Unprivileged(), treetest.NoHuge())
	makeReadable(t, s.source)
	out := s.sync("first")
	assert.NotEmpty(t, out.Warnings, "foreign owners must be said")
	s.requireReplica(out.Snapshot, tree.Options{NoOwners: true})
	s.write(map[string]string{"plain": "text"})
	require.NoError(t, os.Chmod(filepath.Join(s.source, "plain"), 0o444))
	s.requireReplica(s.sync("second").Snapshot, tree.Options{NoOwners: true})
	require.NoError(t, os.Chmod(filepath.Join(s.source, "plain"), os.ModeSetuid|0o755))
	before := s.snapshots()
	listener, push := s.listen(), s.push("third", time.Now())
	code, refused := push.wait()
	assert.Equal(t, contract.ExitRefused, code)
	assert.Equal(t, contract.RefusedPrivileges, refused.Code)
	assert.Contains(t, refused.Reason, "plain")
	code, _ = listener.wait()
	assert.Equal(t, contract.ExitRefused, code)
	assert.Equal(t, before, s.snapshots())
}

// makeReadable takes away what a listener without privileges can receive but not
// read again for a snapshot of a directory: files and directories that their
// owner may not read, and set-ID files.
func makeReadable(t *testing.T, root string) {
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeType&^fs.ModeDir != 0 {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		mode := info.Mode().Perm() | 0o400
		if d.IsDir() {
			mode |= 0o700
		}
		return os.Chmod(path, mode)
	}))
}

// Several channels carry the same bytes as one.
func TestLanes(t *testing.T) { bothWays(t, lanesCarryTheSame) }

func lanesCarryTheSame(t *testing.T, s *sites) {
	treetest.Make(t, s.source, treetest.MaxPath(4000), treetest.NoHuge())
	rng := rand.New(rand.NewPCG(5, 6))
	for n, streams := range []string{"2", "7", "64"} {
		listener, push := s.listen(), s.push(runID(n), time.Now(), "--streams="+streams)
		exit, out := push.wait()
		require.Equal(t, contract.ExitDone, exit, push.log.String())
		listener.wait()
		s.requireReplica(out.Snapshot, tree.Options{})
		treetest.Mutate(t, s.source, rng)
	}
}
