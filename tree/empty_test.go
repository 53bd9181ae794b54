package tree_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/tree"
)

func TestEmpty(t *testing.T) {
	root := t.TempDir()
	is := func(want bool) {
		t.Helper()
		empty, err := tree.Empty(root)
		require.NoError(t, err)
		assert.Equal(t, want, empty)
	}
	is(true)
	require.NoError(t, os.Mkdir(filepath.Join(root, "lost+found"), 0o700))
	is(true)
	require.NoError(t, os.WriteFile(filepath.Join(root, ".hidden"), nil, 0o600))
	is(false)
	_, err := tree.Empty(filepath.Join(root, "missing"))
	assert.ErrorIs(t, err, os.ErrNotExist)
	_, err = tree.Empty(filepath.Join(root, ".hidden"))
	assert.Error(t, err)
}
