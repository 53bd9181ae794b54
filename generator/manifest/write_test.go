package manifest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tree returns the files below dir with their content.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	require.NoError(t, filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		require.NoError(t, err)
		if info.IsDir() {
			return nil
		}
		data, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		files[rel] = string(data)
		return err
	}))
	return files
}

func TestWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "out")
	primary, secondary := filepath.Join(dir, "primary/wikidata.yaml"), filepath.Join(dir, "secondary/wikidata.yaml")
	lists := []string{filepath.Join(dir, "primary/kustomization.yaml"), filepath.Join(dir, "secondary/kustomization.yaml")}
	both := []Bundle{bundle(t, "primary", configMap("a")), bundle(t, "secondary", configMap("b"))}

	changes, err := Write(dir, both)
	require.NoError(t, err)
	assert.Equal(t, Changes{Written: []string{primary, secondary, lists[0], lists[1]}}, changes)
	written := tree(t, dir)
	assert.Contains(t, written["primary/wikidata.yaml"], "name: a")

	changes, err = Write(dir, both)
	require.NoError(t, err)
	assert.Equal(t, Changes{Unchanged: []string{primary, secondary, lists[0], lists[1]}}, changes)
	assert.Equal(t, written, tree(t, dir))

	// The other replication's file and a file of someone else stay.
	other := filepath.Join(dir, "secondary", "other.yaml")
	require.NoError(t, os.WriteFile(other, []byte("mine"), 0o644))
	changes, err = Write(dir, both[:1])
	require.NoError(t, err)
	assert.Equal(t, Changes{
		Unchanged: []string{primary, lists[0]}, Removed: []string{lists[1], secondary},
	}, changes)
	assert.FileExists(t, other)
}

func TestWriteLeavesForeignFilesAlone(t *testing.T) {
	dir := t.TempDir()
	foreign := filepath.Join(dir, "secondary", "wikidata.yaml")
	require.NoError(t, os.Mkdir(filepath.Dir(foreign), 0o755))
	require.NoError(t, os.WriteFile(foreign, []byte("kind: Mine\n"), 0o644))
	before := tree(t, dir)

	_, err := Write(dir, []Bundle{bundle(t, "primary", configMap("a")), bundle(t, "secondary", configMap("b"))})
	require.ErrorContains(t, err, foreign+": scribe-gen did not write this file")
	assert.Equal(t, before, tree(t, dir), "nothing may be written when one file cannot be")

	changes, err := Write(dir, []Bundle{bundle(t, "primary", configMap("a"))})
	require.NoError(t, err)
	assert.Empty(t, changes.Removed, "without our header it is not ours to remove")
}

// A failure while staging leaves nothing behind.
func TestWriteAllOrNothing(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "secondary"), nil, 0o644))
	_, err := Write(dir, []Bundle{bundle(t, "primary", configMap("a")), bundle(t, "secondary", configMap("b"))})
	require.Error(t, err)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, entries, 1)
}
