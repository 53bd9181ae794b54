package dataset

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// contents reads a tree: the content by path.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		files[path[len(dir):]] = string(data)
		return err
	}))
	return files
}

func TestWriteIsDeterministic(t *testing.T) {
	tree := Tree{Files: 250, Size: 512, Varied: true}
	a, b, c := t.TempDir(), t.TempDir(), t.TempDir()
	require.NoError(t, tree.Write(t.Context(), a, 1))
	require.NoError(t, tree.Write(t.Context(), b, 1))
	require.NoError(t, tree.Write(t.Context(), c, 2))
	assert.Equal(t, contents(t, a), contents(t, b))
	assert.NotEqual(t, contents(t, a), contents(t, c))

	files := contents(t, a)
	assert.Len(t, files, 250)
	total := 0
	for _, data := range files {
		total += len(data)
	}
	assert.InDelta(t, 250*512, total, 250*512*0.2)
	dirs, err := filepath.Glob(a + "/d*/e*")
	require.NoError(t, err)
	assert.Len(t, dirs, 3)
}

func TestAppendChangesEquallyMany(t *testing.T) {
	tree, dir := Tree{Files: 1000}, t.TempDir()
	require.NoError(t, tree.Write(t.Context(), dir, 1))
	change := Append(0.01)
	before := contents(t, dir)
	for round := 1; round <= 3; round++ {
		require.NoError(t, change(t.Context(), tree, dir, 1, round))
		after := contents(t, dir)
		changed := 0
		for path := range after {
			if after[path] != before[path] {
				changed++
				assert.Len(t, after[path], len(before[path])+1)
			}
		}
		assert.Equal(t, 10, changed)
		before = after
	}
}

func TestBlocksChangesEquallyMany(t *testing.T) {
	tree, dir := Tree{Files: 1, Size: 400 * blockSize}, t.TempDir()
	require.NoError(t, tree.Write(t.Context(), dir, 1))
	change := Blocks(0.02)
	sum := func() (sums [][32]byte) {
		data, err := os.ReadFile(tree.path(dir, 0))
		require.NoError(t, err)
		for i := 0; i < len(data); i += blockSize {
			sums = append(sums, sha256.Sum256(data[i:i+blockSize]))
		}
		return sums
	}
	before := sum()
	for round := 1; round <= 3; round++ {
		require.NoError(t, change(t.Context(), tree, dir, 1, round))
		after := sum()
		require.Len(t, after, 400)
		changed := 0
		for i := range after {
			if after[i] != before[i] {
				changed++
			}
		}
		assert.Equal(t, 8, changed)
		info, err := os.Stat(tree.path(dir, 0))
		require.NoError(t, err)
		assert.True(t, info.ModTime().Equal(changeTime(round)))
		before = after
	}
}

func TestScaled(t *testing.T) {
	for _, c := range []struct {
		tree  Tree
		scale float64
		want  Tree
	}{
		{Tree{Files: 8, Size: 256 << 20}, 0.5, Tree{Files: 8, Size: 128 << 20}},
		{Tree{Files: 8, Size: 256 << 20}, 0, Tree{Files: 8, Size: 4096}},
		{Tree{Files: 1_000_000}, 0.01, Tree{Files: 10_000}},
		{Tree{Files: 1_000_000, Size: 9}, 0, Tree{Files: 100, Size: 9}},
	} {
		t.Run(fmt.Sprint(c.tree, c.scale), func(t *testing.T) {
			assert.Equal(t, c.want, c.tree.Scaled(c.scale))
		})
	}
}
