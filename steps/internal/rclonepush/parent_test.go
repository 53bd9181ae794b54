package rclonepush

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/backube/scribe-gen/tree/manifest"
)

// written is a file with the manifest of a tree of empty files and directories,
// which end with a slash.
func written(t *testing.T, paths ...string) string {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "manifest"))
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	w, err := manifest.NewWriter(f)
	require.NoError(t, err)
	for _, path := range append([]string{"./"}, paths...) {
		e := manifest.Entry{Path: path, Mode: unix.S_IFREG | 0o644}
		if last := len(path) - 1; path[last] == '/' {
			e.Path, e.Mode = path[:last], unix.S_IFDIR|0o755
		}
		require.NoError(t, w.Write(&e))
	}
	_, err = w.Close()
	require.NoError(t, err)
	return f.Name()
}

func TestBeside(t *testing.T) {
	var gone []string
	b, err := readBeside(written(t, "a", "b/", "b/c", "b-d", "e"), func(e *manifest.Entry) error {
		gone = append(gone, e.Path)
		return nil
	})
	require.NoError(t, err)
	defer b.close()
	for _, want := range []struct {
		path string
		is   bool
	}{{".", true}, {"a", true}, {"a.new", false}, {"b", true}, {"b/a", false}, {"b-d", true}, {"d", false}} {
		e, err := b.at(want.path)
		require.NoError(t, err)
		require.Equal(t, want.is, e != nil, want.path)
		if e != nil {
			assert.Equal(t, want.path, e.Path)
		}
	}
	assert.Equal(t, []string{"b/c"}, gone)
	require.NoError(t, b.rest())
	assert.Equal(t, []string{"b/c", "e"}, gone)
}

// A manifest that is not whole is noticed, at the end at the latest.
func TestBesideOfADamagedManifest(t *testing.T) {
	name := written(t, "a", "b")
	info, err := os.Stat(name)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(name, info.Size()-4))
	b, err := readBeside(name, nil)
	if err == nil {
		defer b.close()
		_, err = b.at("b")
		if err == nil {
			err = b.rest()
		}
	}
	assert.ErrorContains(t, err, "manifest")

	none, err := readBeside("", nil)
	require.NoError(t, err)
	defer none.close()
	e, err := none.at("a")
	require.NoError(t, err)
	assert.Nil(t, e)
}

func TestMovedIsBounded(t *testing.T) {
	m := newMoved()
	for n := range movedLimit + 1000 {
		hash, _, err := manifest.HashOf(fmtReader(n))
		require.NoError(t, err)
		m.add(&manifest.Entry{Hash: hash, Size: int64(n + 1), Layer: "layer"}, fmt.Sprint("files/", n))
	}
	assert.Len(t, m.places, movedLimit)
	hash, _, err := manifest.HashOf(fmtReader(7))
	require.NoError(t, err)
	at, ok := m.find(hash, 8)
	assert.True(t, ok)
	assert.Equal(t, place{"layer", "files/7"}, at)
	assert.True(t, m.mayHold(8))
	_, ok = m.find(hash, 9)
	assert.False(t, ok, "the size differs")
	assert.False(t, m.mayHold(movedLimit+500))
}

func fmtReader(n int) *strings.Reader { return strings.NewReader(fmt.Sprint(n)) }
