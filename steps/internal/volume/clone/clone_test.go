package clone_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/steps/internal/volume/clone"
	"github.com/backube/scribe-gen/tree"
	"github.com/backube/scribe-gen/tree/sample"
	"github.com/backube/scribe-gen/tree/treetest"
)

func TestTreeKeepsEverything(t *testing.T) {
	for name, dir := range map[string]string{"disk": t.TempDir(), "memory": memory(t)} {
		t.Run(name, func(t *testing.T) {
			src, dst := filepath.Join(dir, "src"), filepath.Join(dir, "dst")
			treetest.Make(t, src)
			require.NoError(t, os.MkdirAll(src+"/lost+found", 0o700))
			// The times of the root changed with the directory.
			require.NoError(t, os.Mkdir(dst, 0o700))
			stats, err := clone.Tree(t.Context(), src, dst, clone.Options{})
			require.NoError(t, err)
			report, err := tree.Compare(src, dst, tree.Options{NoLostFound: true})
			require.NoError(t, err)
			assert.True(t, report.Equal(), "%s", report)
			assert.NoFileExists(t, dst+"/lost+found")
			assert.Equal(t, report.Entries-1, stats.Entries)
			assert.Zero(t, stats.Owners+stats.Xattrs+stats.Vanished)
		})
	}
}

func TestTreeAcrossFileSystems(t *testing.T) {
	src, dst := t.TempDir(), memory(t)
	require.NoError(t, sample.Volume(src, 500, 1))
	_, err := clone.Tree(t.Context(), src, dst, clone.Options{})
	require.NoError(t, err)
	treetest.Equal(t, src, dst, tree.Options{})
}

func TestTreeAfterManyChanges(t *testing.T) {
	src := filepath.Join(t.TempDir(), "src")
	treetest.Make(t, src, treetest.NoHuge())
	rng := sample.NewRand(11)
	for range 5 {
		treetest.Mutate(t, src, rng)
		dst := t.TempDir()
		_, err := clone.Tree(t.Context(), src, dst, clone.Options{})
		require.NoError(t, err)
		treetest.Equal(t, src, dst, tree.Options{})
	}
}

// What a new directory inherits from its parent must not get into the copy.
func TestTreeInheritsNothing(t *testing.T) {
	dir := t.TempDir()
	treetest.Make(t, filepath.Join(dir, "model"), treetest.NoHuge())
	src, parent := filepath.Join(dir, "src"), filepath.Join(dir, "model", "acls", "directory")
	require.NoError(t, sample.Volume(src, 100, 1))
	require.NoError(t, os.Chmod(parent, 0o2775|os.ModeSetgid))
	dst := filepath.Join(parent, "dst")
	require.NoError(t, os.Mkdir(dst, 0o700))
	_, err := clone.Tree(t.Context(), src, dst, clone.Options{})
	require.NoError(t, err)
	treetest.Equal(t, src, dst, tree.Options{})
}

func TestTreeOfLiveVolume(t *testing.T) {
	src := t.TempDir()
	require.NoError(t, sample.Volume(src, 2000, 1))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		rng := sample.NewRand(2)
		for ctx.Err() == nil {
			if _, err := sample.Mutate(src, 50, rng); err != nil {
				t.Error(err)
			}
		}
	}()
	for range 5 {
		_, err := clone.Tree(t.Context(), src, t.TempDir(), clone.Options{Live: true})
		assert.NoError(t, err)
	}
	stop()
	<-ended
}

func TestTreeEndsWithContext(t *testing.T) {
	src := t.TempDir()
	require.NoError(t, sample.Volume(src, 100, 1))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := clone.Tree(ctx, src, t.TempDir(), clone.Options{})
	assert.ErrorIs(t, err, context.Canceled)
}

func TestTreeOfMissingSource(t *testing.T) {
	_, err := clone.Tree(t.Context(), t.TempDir()+"/absent", t.TempDir(), clone.Options{})
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func memory(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "scribe-test")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
	return dir
}
