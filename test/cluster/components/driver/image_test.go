package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/backube/scribe-gen/test/cluster/components/driver/internal/btrfstest"
)

// capacity returns how many bytes fit into the file system at path.
func capacity(t *testing.T, path string) int64 {
	t.Helper()
	var st unix.Statfs_t
	require.NoError(t, unix.Statfs(path, &st))
	return int64(st.Blocks) * st.Bsize
}

func TestImageIsFull(t *testing.T) {
	root := btrfstest.Mount(t)
	p := start(t, root)
	path := p.create(t, root, volume("v", image))
	assert.InDelta(t, 64*mebibyte, capacity(t, path), 10*mebibyte)
	err := os.WriteFile(filepath.Join(path, "big"), make([]byte, 65*mebibyte), 0o600)
	assert.ErrorIs(t, err, unix.ENOSPC)
	require.NoError(t, os.Remove(filepath.Join(path, "big")))
	assert.NoError(t, os.WriteFile(filepath.Join(path, "small"), make([]byte, 40*mebibyte), 0o600))
}

// TestImageGrows restores into a larger volume, as a destination of more capacity
// does.
func TestImageGrows(t *testing.T) {
	root := btrfstest.Mount(t)
	p := start(t, root)
	path := p.create(t, root, volume("v", image))
	require.NoError(t, os.WriteFile(filepath.Join(path, "file"), []byte("v1"), 0o600))
	_, err := p.CreateSnapshot(t.Context(), snapshot("s", "v", nil))
	require.NoError(t, err)
	req := restore("s", volume("r", image))
	req.CapacityRange.RequiredBytes = 256 * mebibyte
	path = p.create(t, root, req)
	assert.Greater(t, capacity(t, path), int64(200*mebibyte))
	assert.FileExists(t, filepath.Join(path, "file"))
}

// TestImageUnderWrites cuts snapshots while the volume is written to: each is a
// sound file system that holds what was complete before.
func TestImageUnderWrites(t *testing.T) {
	root := btrfstest.Mount(t)
	p := start(t, root)
	path := p.create(t, root, volume("v", image))
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-done:
				return
			default:
				_ = os.WriteFile(filepath.Join(path, "busy"), bytes.Repeat([]byte("x"), 100_000), 0o600)
			}
		}
	}()
	defer func() { close(done); <-stopped }()
	for _, name := range []string{"a", "b", "c"} {
		require.NoError(t, os.WriteFile(filepath.Join(path, name), []byte(name), 0o600))
		_, err := p.CreateSnapshot(t.Context(), snapshot(name, "v", nil))
		require.NoError(t, err)
		out, err := exec.Command("e2fsck", "-fn", filepath.Join(root, "snapshots", name+".ext4")).CombinedOutput()
		require.NoError(t, err, string(out))
		data, err := os.ReadFile(filepath.Join(p.create(t, root, restore(name, volume("of-"+name, image))), name))
		require.NoError(t, err)
		assert.Equal(t, name, string(data))
	}
}

// TestImageAfterRestart mounts what a restart of the machine unmounted, and frees
// everything in the end.
func TestImageAfterRestart(t *testing.T) {
	root := btrfstest.Mount(t)
	p := start(t, root)
	path := p.create(t, root, volume("v", image))
	require.NoError(t, os.WriteFile(filepath.Join(path, "file"), []byte("v1"), 0o600))
	p.kill()
	assert.FileExists(t, filepath.Join(path, "file"), "a volume outlives its driver")
	require.NoError(t, unix.Unmount(path, 0))
	p = start(t, root)
	assert.FileExists(t, filepath.Join(path, "file"))

	_, err := p.DeleteVolume(t.Context(), &csi.DeleteVolumeRequest{VolumeId: "v"})
	require.NoError(t, err)
	left, err := os.ReadDir(filepath.Join(root, "volumes"))
	require.NoError(t, err)
	assert.Empty(t, left)
	assert.Eventually(t, func() bool {
		out, err := exec.Command("losetup", "--associated", path+".ext4").Output()
		return err == nil && len(out) == 0
	}, 5*time.Second, 50*time.Millisecond, "the loop device is free again")
}

// TestImageThawed frees writers from a driver that was killed while it copied.
func TestImageThawed(t *testing.T) {
	root := btrfstest.Mount(t)
	p := start(t, root)
	path := p.create(t, root, volume("v", image))
	p.kill()
	out, err := exec.Command("fsfreeze", "--freeze", path).CombinedOutput()
	require.NoError(t, err, string(out))
	start(t, root)
	written := make(chan error, 1)
	go func() { written <- os.WriteFile(filepath.Join(path, "file"), nil, 0o600) }()
	select {
	case err := <-written:
		assert.NoError(t, err)
	case <-time.After(10 * time.Second):
		t.Error("the volume is still frozen")
	}
}
