package build

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func keyOf(t *testing.T, b *Builder, r recipe) string {
	t.Helper()
	key, err := b.nested(tiny).key(t.Context(), r)
	require.NoError(t, err)
	return key
}

func TestKeyFollowsWhatEntersTheBuild(t *testing.T) {
	b := newTiny(t)
	dir := b.nested(tiny).dir
	original := keyOf(t, b, tinyRecipe())

	past := time.Now().Add(-time.Hour)
	require.NoError(t, os.Chtimes(filepath.Join(dir, "main.go"), past, past))
	writeTiny(t, b, "main_test.go", "package main\n")
	writeTiny(t, b, ".main.go.swp", "edited")
	writeTiny(t, b, ".git/HEAD", "ref")
	assert.Equal(t, original, keyOf(t, b, tinyRecipe()), "times, tests and hidden files do not count")

	writeTiny(t, b, "internal/a.go", "package internal\n")
	added := keyOf(t, b, tinyRecipe())
	assert.NotEqual(t, original, added, "a file was added")
	require.NoError(t, os.Rename(filepath.Join(dir, "internal/a.go"), filepath.Join(dir, "internal/b.go")))
	assert.NotEqual(t, added, keyOf(t, b, tinyRecipe()), "a file was renamed")
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "internal")))
	assert.Equal(t, original, keyOf(t, b, tinyRecipe()), "the content is the old one")

	writeTiny(t, b, "main.go", tinyMain+"\n// More.\n")
	assert.NotEqual(t, original, keyOf(t, b, tinyRecipe()), "a file was changed")
}

func TestKeyFollowsTheRecipe(t *testing.T) {
	b := newTiny(t)
	seen := map[string]bool{}
	plain, stamped, patched := tinyRecipe(), tinyRecipe(), tinyRecipe()
	stamped.stamps = []string{"main.version=1"}
	patched.patch.edits = []edit{{File: "a", Old: "b", New: "c"}}
	for _, r := range []recipe{plain, stamped, patched} {
		seen[keyOf(t, b, r)] = true
	}
	assert.Len(t, seen, 3)
}

func TestKeyRefusesModulesInDirectories(t *testing.T) {
	b := newTiny(t)
	writeTiny(t, b, "go.mod", "module example.org/tiny\n\ngo 1.26.0\n\nreplace example.org/x => ../x\n")
	_, err := b.nested(tiny).key(t.Context(), tinyRecipe())
	require.ErrorContains(t, err, "replaces example.org/x by the directory ../x")
}
