package catalog

import (
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the catalog anew")

// The folders beside the code hold what the code makes, and in the folders of this
// version nothing else. Those of earlier versions stay as they were.
func TestCatalogIsCurrent(t *testing.T) {
	files, err := Files()
	require.NoError(t, err)
	if *update {
		write(t, files)
	}
	for name, want := range files {
		got, err := os.ReadFile(name)
		require.NoError(t, err, "write it with: go generate ./catalog")
		assert.Equal(t, string(want), string(got), "%s is not current; write it with: go generate ./catalog", name)
	}
	for _, e := range editions {
		folders, err := filepath.Glob(filepath.Join(e.Root, "*", Version))
		require.NoError(t, err)
		for _, folder := range folders {
			require.NoError(t, filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
				if err == nil && !d.IsDir() {
					assert.Contains(t, files, path, "%s is not made by this package", path)
				}
				return err
			}))
		}
	}
}

// write replaces the output of this version; that of earlier ones stays.
func write(t *testing.T, files map[string][]byte) {
	t.Helper()
	blocks, err := Blocks()
	require.NoError(t, err)
	for _, e := range editions {
		for _, b := range blocks {
			require.NoError(t, os.RemoveAll(e.folder(b)))
		}
	}
	for name, content := range files {
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
		require.NoError(t, os.WriteFile(name, content, 0o644))
	}
}
