package listing_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/test/e2e/internal/listing"
	"github.com/backube/scribe-gen/tree"
	"github.com/backube/scribe-gen/tree/sample"
)

func list(t *testing.T, root string) []listing.Entry {
	var b bytes.Buffer
	require.NoError(t, listing.Write(&b, root))
	all, err := listing.Read(&b)
	require.NoError(t, err)
	return all
}

// What package tree finds between two directories is found between their listings.
func TestCompareFindsWhatTreesDifferIn(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	for _, root := range []string{a, b} {
		require.NoError(t, sample.Torture(root, sample.Options{MaxPath: 5000, NoHuge: true}))
	}
	report := listing.Compare(list(t, a), list(t, b), tree.Options{})
	require.True(t, report.Equal(), "%s", report)
	assert.Greater(t, report.Entries, int64(300))
	assert.Greater(t, report.Bytes, int64(4<<20))

	_, err := sample.Mutate(b, 60, sample.NewRand(7))
	require.NoError(t, err)
	want, err := tree.Compare(a, b, tree.Options{NoSparse: true, Limit: 10_000})
	require.NoError(t, err)
	require.False(t, want.Equal())
	found := map[string]bool{}
	for _, d := range listing.Compare(list(t, a), list(t, b), tree.Options{Limit: 10_000}).Differences {
		found[d.Path+": "+d.What] = true
	}
	for _, d := range want.Differences {
		assert.True(t, found[d.Path+": "+d.What], "%s", d)
	}
}

func TestCompareFindsHardLinks(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	for _, root := range []string{a, b} {
		require.NoError(t, os.WriteFile(filepath.Join(root, "x"), []byte("same"), 0o600))
		require.NoError(t, os.Link(filepath.Join(root, "x"), filepath.Join(root, "y")))
	}
	require.NoError(t, os.Remove(filepath.Join(b, "y")))
	require.NoError(t, os.WriteFile(filepath.Join(b, "y"), []byte("same"), 0o600))
	assert.Contains(t, listing.Compare(list(t, a), list(t, b), tree.Options{}).String(), "y: hard links")
}

func TestCompareLeavesOut(t *testing.T) {
	a := []listing.Entry{{Path: []byte("."), Mode: 0o100644, UID: 1, SHA256: []byte{1}}}
	b := []listing.Entry{{Path: []byte("."), Mode: 0o100644, UID: 2, SHA256: []byte{2}}}
	assert.Equal(t, int64(2), listing.Compare(a, b, tree.Options{}).Total)
	assert.True(t, listing.Compare(a, b, tree.Options{NoOwners: true, NoContent: true}).Equal())
	assert.Len(t, listing.Compare(a, b, tree.Options{Limit: 1}).Differences, 1)
}

func TestReadNoticesWhatIsMissing(t *testing.T) {
	root := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(root, "x"), nil, 0o600))
	var b bytes.Buffer
	require.NoError(t, listing.Write(&b, root))
	lines := strings.SplitAfter(b.String(), "\n")
	require.Len(t, lines, 4)
	for name, text := range map[string]string{
		"the end":   lines[0] + lines[1],
		"the start": lines[1] + lines[2],
		"all":       "",
	} {
		_, err := listing.Read(strings.NewReader(text))
		assert.ErrorIs(t, err, listing.ErrCut, name)
	}
	_, err := listing.Read(strings.NewReader("workbench: oops\n"))
	assert.ErrorContains(t, err, "after 0 entries")
}
