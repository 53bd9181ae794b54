package sample_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/tree"
	"github.com/backube/scribe-gen/tree/sample"
)

func TestTortureIsTheSameEachTime(t *testing.T) {
	a, b := t.TempDir()+"/a", t.TempDir()+"/b"
	require.NoError(t, sample.Torture(a, sample.Options{}))
	require.NoError(t, sample.Torture(b, sample.Options{}))
	same(t, a, b, 300)
}

func TestVolumeIsTheSameEachTime(t *testing.T) {
	a, b := t.TempDir()+"/a", t.TempDir()+"/b"
	require.NoError(t, sample.Volume(a, 600, 7))
	require.NoError(t, sample.Volume(b, 600, 7))
	same(t, a, b, 600)
}

func same(t *testing.T, a, b string, entries int64) {
	t.Helper()
	report, err := tree.Compare(a, b, tree.Options{})
	require.NoError(t, err)
	assert.True(t, report.Equal(), "%s", report)
	assert.Greater(t, report.Entries, entries)
}

func TestMutateChangesTheSameEachTime(t *testing.T) {
	var changes [2][]string
	roots := [2]string{t.TempDir() + "/a", t.TempDir() + "/b"}
	for i, root := range roots {
		require.NoError(t, sample.Torture(root, sample.Options{}))
		var err error
		changes[i], err = sample.Mutate(root, 500, sample.NewRand(3))
		require.NoError(t, err)
	}
	assert.Equal(t, changes[0], changes[1])
	assert.Greater(t, len(changes[0]), 250, "most changes must succeed")
	report, err := tree.Compare(roots[0], roots[1], tree.Options{Limit: 1000})
	require.NoError(t, err)
	for _, d := range report.Differences {
		assert.Equal(t, "modification time", d.What, "%s", d)
	}
}
