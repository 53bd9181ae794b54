package backing_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/test/cluster/components/driver/backing"
	"github.com/backube/scribe-gen/test/cluster/components/driver/internal/btrfstest"
)

// TestBackings holds each to what Backing promises. Images are tried on a file
// system without reflinks here.
func TestBackings(t *testing.T) {
	cases := map[string]struct {
		backing backing.Backing
		root    func(*testing.T) string
	}{
		"dir":   {backing.Dir{}, func(t *testing.T) string { return t.TempDir() }},
		"btrfs": {backing.Btrfs{}, btrfstest.Mount},
		"image": {backing.Image{}, func(t *testing.T) string { btrfstest.NeedRoot(t); return t.TempDir() }},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			root, b := c.root(t), c.backing
			at := func(name string) string { return filepath.Join(root, name) }
			for _, name := range []string{"v", "copy", "snap", "restored"} {
				t.Cleanup(func() { assert.NoError(t, b.Remove(at(name))) })
			}
			require.NoError(t, b.Remove(at("v")), "nothing is there")
			require.NoError(t, b.Create(t.Context(), at("v"), 8<<20))
			assert.Error(t, b.Copy(t.Context(), at("absent"), at("copy"), backing.Shape{}))
			require.NoError(t, b.Remove(at("copy")), "what failed is removed")
			require.NoError(t, os.WriteFile(at("v/file"), []byte("v1"), 0o600))
			require.NoError(t, b.Copy(t.Context(), at("v"), at("snap"), backing.Shape{ReadOnly: true}))
			require.NoError(t, os.WriteFile(at("v/file"), []byte("v2"), 0o600))
			require.NoError(t, b.Copy(t.Context(), at("v"), at("copy"), backing.Shape{Size: 8 << 20}))
			require.NoError(t, b.Copy(t.Context(), at("snap"), at("restored"), backing.Shape{Size: 16 << 20}))
			for name, want := range map[string]string{"copy": "v2", "restored": "v1"} {
				got, err := os.ReadFile(at(name + "/file"))
				require.NoError(t, err)
				assert.Equal(t, want, string(got))
				assert.NoError(t, os.WriteFile(at(name+"/file"), nil, 0o600))
			}
			require.NoError(t, b.Remove(at("snap")))
			assert.NoDirExists(t, at("snap"))
		})
	}
}

func TestCopyTreeEndsWithContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.ErrorIs(t, backing.CopyTree(ctx, t.TempDir(), t.TempDir()), context.Canceled)
}

// TestNestedSubvolume removes a volume in which a pod made a subvolume.
func TestNestedSubvolume(t *testing.T) {
	root, b := btrfstest.Mount(t), backing.Btrfs{}
	require.NoError(t, b.Create(t.Context(), filepath.Join(root, "v"), 0))
	require.NoError(t, b.Create(t.Context(), filepath.Join(root, "v/inner"), 0))
	require.NoError(t, os.WriteFile(filepath.Join(root, "v/inner/file"), nil, 0o600))
	require.NoError(t, b.Remove(filepath.Join(root, "v")))
	assert.NoDirExists(t, filepath.Join(root, "v"))
}
