package store_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/test/cluster/components/driver/backing"
	"github.com/backube/scribe-gen/test/cluster/components/driver/store"
)

func open(t *testing.T, root string, tree backing.Backing) *store.Store {
	t.Helper()
	s, warnings, err := store.Open(t.Context(), root, tree)
	require.NoError(t, err)
	require.Empty(t, warnings)
	t.Cleanup(func() { s.Close() })
	return s
}

func want(name string) store.Volume {
	return store.Volume{Name: name, Size: 1 << 20, Backing: store.Tree}
}

func TestID(t *testing.T) {
	assert.Equal(t, "pvc-0a", store.ID("pvc-0a"))
	for _, name := range []string{"", "..", "a/b", "a.json", "-a", "a b", "ä", strings.Repeat("x", 129)} {
		assert.Regexp(t, "^name-[0-9a-f]{64}$", store.ID(name))
	}
	assert.NotEqual(t, store.ID("a/b"), store.ID("a/c"))
}

// TestForeignIdentifiers must not lead out of the root.
func TestForeignIdentifiers(t *testing.T) {
	dir := t.TempDir()
	s := open(t, filepath.Join(dir, "root"), backing.Dir{})
	require.NoError(t, os.WriteFile(filepath.Join(dir, "x.json"), []byte("{}"), 0o600))
	_, err := s.Volume("../../x")
	assert.ErrorIs(t, err, store.ErrNotFound)
	assert.NoError(t, s.DeleteVolume(t.Context(), "../../x"))
	assert.FileExists(t, filepath.Join(dir, "x.json"))
}

func TestLeftoversGo(t *testing.T) {
	root := t.TempDir()
	s := open(t, root, backing.Dir{})
	v, err := s.CreateVolume(t.Context(), want("kept"))
	require.NoError(t, err)
	require.NoError(t, s.Close())
	for _, path := range []string{"volumes/a/file", "snapshots/b/file", "tmp/copy-c/file", "volumes/d.ext4", "tmp/record-1"} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(root, path)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(root, path), nil, 0o600))
	}
	s = open(t, root, backing.Dir{})
	again, err := s.Volume("kept")
	require.NoError(t, err)
	assert.Equal(t, v, again)
	for dir, left := range map[string]int{"volumes": 2, "snapshots": 0, "tmp": 0} {
		entries, err := os.ReadDir(filepath.Join(root, dir))
		require.NoError(t, err)
		assert.Len(t, entries, left, dir)
	}
}

// TestLeftoverOfSameName is what a call finds that is repeated in the same
// process.
func TestLeftoverOfSameName(t *testing.T) {
	root := t.TempDir()
	s := open(t, root, backing.Dir{})
	require.NoError(t, os.MkdirAll(filepath.Join(root, "volumes/v/half"), 0o755))
	v, err := s.CreateVolume(t.Context(), want("v"))
	require.NoError(t, err)
	assert.NoDirExists(t, filepath.Join(s.Path(v), "half"))
}

// slow takes its time to create, and counts.
type slow struct {
	backing.Dir
	mu      sync.Mutex
	created int
}

func (s *slow) Create(ctx context.Context, path string, size int64) error {
	s.mu.Lock()
	s.created++
	s.mu.Unlock()
	time.Sleep(50 * time.Millisecond)
	return s.Dir.Create(ctx, path, size)
}

func TestSameNameAtOnce(t *testing.T) {
	tree := &slow{}
	s := open(t, t.TempDir(), tree)
	var calls sync.WaitGroup
	for range 5 {
		calls.Go(func() {
			_, err := s.CreateVolume(t.Context(), want("v"))
			assert.NoError(t, err)
		})
	}
	calls.Wait()
	assert.Equal(t, 1, tree.created)
}

func TestAbsentSource(t *testing.T) {
	root := t.TempDir()
	s := open(t, root, backing.Dir{})
	v := want("v")
	v.Source.Volume = "absent"
	_, err := s.CreateVolume(t.Context(), v)
	assert.ErrorIs(t, err, store.ErrNotFound)
	_, err = s.CreateSnapshot(t.Context(), store.Snapshot{Name: "s", Volume: "absent"}, 0)
	assert.ErrorIs(t, err, store.ErrNotFound)
}

func TestDeletedTwice(t *testing.T) {
	s := open(t, t.TempDir(), backing.Dir{})
	v, err := s.CreateVolume(t.Context(), want("v"))
	require.NoError(t, err)
	snap, err := s.CreateSnapshot(t.Context(), store.Snapshot{Name: "s", Volume: v.ID}, time.Hour)
	require.NoError(t, err)
	assert.False(t, snap.Ready(time.Now()))
	assert.True(t, snap.Ready(time.Now().Add(time.Hour)))
	for range 2 {
		assert.NoError(t, s.DeleteVolume(t.Context(), v.ID))
		assert.NoError(t, s.DeleteSnapshot(t.Context(), snap.ID))
	}
	assert.NoDirExists(t, s.Path(v))
	_, err = s.Snapshot("s")
	assert.ErrorIs(t, err, store.ErrNotFound)
}
