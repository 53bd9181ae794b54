package replica_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/backube/scribe-gen/steps/internal/rclonepull/replica"
	"github.com/backube/scribe-gen/tree"
	"github.com/backube/scribe-gen/tree/sample"
	"github.com/backube/scribe-gen/tree/treetest"
)

func TestEverythingIsKept(t *testing.T) {
	s, root := torture(t)
	require.NoError(t, os.Mkdir(root+"/lost+found", 0o700))
	s.pull(t, s.replicaOf(t, root))
	treetest.Equal(t, s.root, root, tree.Options{NoLostFound: true})
	assert.DirExists(t, root+"/lost+found")
}

func TestNothingToDo(t *testing.T) {
	s, root := torture(t)
	r := s.replicaOf(t, root)
	s.pull(t, r)
	gets := s.gets.Load()
	plan, err := r.Plan(t.Context())
	require.NoError(t, err)
	assert.True(t, plan.Nothing(), "%+v", plan)
	require.NoError(t, plan.Apply(t.Context(), replica.Options{Content: s}))
	assert.Equal(t, gets, s.gets.Load(), "something was fetched")
	treetest.Equal(t, s.root, root, tree.Options{})
}

// Files that the source and the replica have in common are not fetched, however
// the trees came to differ.
func TestChanges(t *testing.T) {
	s, root := torture(t, treetest.NoHuge())
	s.pull(t, s.replicaOf(t, root))
	rng := sample.NewRand(5)
	for range 12 {
		treetest.Mutate(t, s.root, rng)
		plan := s.pull(t, s.replicaOf(t, root))
		assert.Less(t, plan.Fetch, plan.Entries/2)
		treetest.Equal(t, s.root, root, tree.Options{})
		treetest.Mutate(t, root, rng) // the replica drifts
	}
	s.pull(t, s.replicaOf(t, root))
	treetest.Equal(t, s.root, root, tree.Options{})
}

// What was changed in place, with size and times put back, shows in its content.
func TestDamageIsRepaired(t *testing.T) {
	dir := t.TempDir()
	s, root := &source{root: filepath.Join(dir, "source")}, filepath.Join(dir, "replica")
	require.NoError(t, sample.Volume(s.root, 200, 1))
	require.NoError(t, os.Mkdir(root, 0o755))
	s.pull(t, s.replicaOf(t, root))
	damaged := 0
	require.NoError(t, tree.Walk(root, func(e tree.Entry) error {
		if !e.IsRegular() || e.Size == 0 || e.Links > 1 || damaged == 5 {
			return nil
		}
		damaged++
		path := filepath.Join(root, e.Path)
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		_, err = f.WriteAt([]byte{0xA5, 0x5A}, e.Size-1)
		return joined(err, f.Truncate(e.Size), f.Close(), os.Chtimes(path, e.Modified(), e.Modified()))
	}))
	plan := s.pull(t, s.replicaOf(t, root))
	assert.EqualValues(t, damaged, plan.Fetch)
	treetest.Equal(t, s.root, root, tree.Options{})
}

// A name of the replica that is linked to what the source keeps apart is never
// written through, not even its attributes.
func TestLinksAreNotWrittenThrough(t *testing.T) {
	s, root := torture(t, treetest.NoHuge())
	write(t, s.root+"/one", "content one")
	write(t, s.root+"/two", "content two")
	s.pull(t, s.replicaOf(t, root))
	outside := filepath.Join(t.TempDir(), "outside")
	require.NoError(t, os.Link(root+"/one", outside))
	require.NoError(t, os.Remove(root+"/two"))
	require.NoError(t, os.Link(root+"/one", root+"/two"))
	require.NoError(t, os.Chmod(s.root+"/one", 0o641))
	s.pull(t, s.replicaOf(t, root))
	treetest.Equal(t, s.root, root, tree.Options{})
	var st unix.Stat_t
	require.NoError(t, unix.Stat(outside, &st))
	assert.EqualValues(t, 0o644, st.Mode&0o7777)
	assert.EqualValues(t, 1, st.Nlink)
}

// The temporary files that a killed pull left go, and are no deletions.
func TestLeftoversGo(t *testing.T) {
	s, root := torture(t, treetest.NoHuge())
	s.pull(t, s.replicaOf(t, root))
	write(t, root+"/.scribe-pull-0123456789abcdef.partial", "half")
	write(t, root+"/times/.scribe-pull-0123456789abcdef.partial", "half")
	plan := s.pull(t, s.replicaOf(t, root))
	assert.Zero(t, plan.Deletions)
	assert.EqualValues(t, 2, plan.Removed)
	treetest.Equal(t, s.root, root, tree.Options{})
	// A source may have a file of such a name.
	write(t, s.root+"/.scribe-pull-0123456789abcdef.partial", "whole")
	s.pull(t, s.replicaOf(t, root))
	treetest.Equal(t, s.root, root, tree.Options{})
}

func TestDeletionsAreCounted(t *testing.T) {
	dir := t.TempDir()
	s, root := &source{root: dir + "/source"}, dir+"/replica"
	write(t, s.root+"/kept", "x")
	write(t, root+"/kept", "x")
	write(t, root+"/gone/a", "x")
	write(t, root+"/gone/deep/b", "x")
	write(t, s.root+"/gone too/is a directory", "x")
	write(t, root+"/gone too", "is a file")
	plan, err := s.replicaOf(t, root).Plan(t.Context())
	require.NoError(t, err)
	assert.EqualValues(t, 4, plan.Deletions)
	assert.ElementsMatch(t, []string{"gone", "gone/a", "gone/deep", "gone/deep/b"}, plan.DeletionNames)
	assert.EqualValues(t, 7, plan.Present)
	assert.FileExists(t, root+"/gone/a", "a plan changes nothing")
	require.NoError(t, plan.Apply(t.Context(), replica.Options{Content: s}))
	treetest.Equal(t, s.root, root, tree.Options{})
}

func write(t testing.TB, path, content string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
}

func joined(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// suffixed is a filter that excludes names with a suffix.
type suffixed string

func (s suffixed) Excluded(path string, _ bool) bool {
	for part := range strings.SplitSeq(path, "/") {
		if strings.HasSuffix(part, string(s)) {
			return true
		}
	}
	return false
}
