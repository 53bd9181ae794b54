package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/backube/scribe-gen/test/cluster/components/driver/internal/btrfstest"
)

var image = map[string]string{"backing": "image"}

// populate writes a file of each kind, with attributes that copies lose easily.
func populate(t *testing.T, dir string) {
	t.Helper()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, []byte("v1"), 0o600))
	require.NoError(t, unix.Setxattr(file, "user.colour", []byte("red"), 0))
	require.NoError(t, os.Chown(file, 1234, 5678))
	require.NoError(t, os.Chmod(file, 0o640|os.ModeSetgid))
	require.NoError(t, os.Link(file, filepath.Join(dir, "hard link")))
	require.NoError(t, os.Symlink("file", filepath.Join(dir, "link")))
	require.NoError(t, unix.Mkfifo(filepath.Join(dir, "fifo"), 0o600))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "empty"), 0o711))
	at := time.Date(2001, 2, 3, 4, 5, 6, 123456789, time.UTC)
	require.NoError(t, os.Chtimes(file, at, at))
	require.NoError(t, os.Chtimes(filepath.Join(dir, "empty"), at, at))
	require.NoError(t, os.Chown(dir, 0, 4321))
	require.NoError(t, os.Chmod(dir, 0o775|os.ModeSetgid))
}

// same compares two trees by what rsync would have to change.
func same(t *testing.T, want, got string) {
	t.Helper()
	out, err := exec.Command("rsync", "-naAXHi", "--checksum", "--delete", "--exclude=/lost+found", want+"/", got+"/").CombinedOutput()
	require.NoError(t, err, "%s (is rsync installed?)", out)
	assert.Empty(t, string(out), "differences between %s and %s", want, got)
}

// TestCopies clones and restores between both backings, while the source changes.
func TestCopies(t *testing.T) {
	root := btrfstest.Mount(t)
	p := start(t, root)
	for from, class := range map[string]map[string]string{"tree": nil, "image": image} {
		live := p.create(t, root, volume("source-"+from, class))
		populate(t, live)
		p.create(t, root, clone("source-"+from, volume("expected-"+from, class)))
		expected := filepath.Join(root, "volumes", "expected-"+from)
		same(t, live, expected)
		_, err := p.CreateSnapshot(t.Context(), snapshot("snap-"+from, "source-"+from, nil))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(live, "file"), []byte("v2"), 0o600))
		_, err = p.DeleteVolume(t.Context(), &csi.DeleteVolumeRequest{VolumeId: "source-" + from})
		require.NoError(t, err)
		for to, class := range map[string]map[string]string{"tree": nil, "image": image} {
			t.Run(from+" to "+to, func(t *testing.T) {
				name := from + "-to-" + to
				same(t, expected, p.create(t, root, restore("snap-"+from, volume("restore-"+name, class))))
				same(t, expected, p.create(t, root, clone("expected-"+from, volume("clone-"+name, class))))
				if to == "tree" {
					assert.NoDirExists(t, filepath.Join(root, "volumes", "restore-"+name, "lost+found"))
				}
			})
		}
	}
	left, err := os.ReadDir(filepath.Join(root, "tmp"))
	require.NoError(t, err)
	assert.Empty(t, left)
}

func TestSnapshotIsReadOnly(t *testing.T) {
	root := btrfstest.Mount(t)
	p := start(t, root)
	p.create(t, root, volume("v", nil))
	before := time.Now()
	resp, err := p.CreateSnapshot(t.Context(), snapshot("s", "v", nil))
	require.NoError(t, err)
	assert.WithinRange(t, resp.GetSnapshot().GetCreationTime().AsTime(), before, time.Now())
	assert.True(t, resp.GetSnapshot().GetReadyToUse())
	assert.ErrorIs(t, os.WriteFile(filepath.Join(root, "snapshots/s/x"), nil, 0o600), unix.EROFS)
}

func TestNewVolume(t *testing.T) {
	root := btrfstest.Mount(t)
	p := start(t, root)
	for name, class := range map[string]map[string]string{"tree": nil, "image": image} {
		info, err := os.Stat(p.create(t, root, volume(name, class)))
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o755), info.Mode().Perm())
	}
	assert.NoDirExists(t, filepath.Join(root, "volumes/tree/lost+found"))
	assert.DirExists(t, filepath.Join(root, "volumes/image/lost+found"))
}

func TestSmallerThanSource(t *testing.T) {
	root := btrfstest.Mount(t)
	p := start(t, root)
	p.create(t, root, volume("v", nil))
	_, err := p.CreateSnapshot(t.Context(), snapshot("s", "v", nil))
	require.NoError(t, err)
	for _, req := range []*csi.CreateVolumeRequest{clone("v", volume("c", nil)), restore("s", volume("r", nil))} {
		req.CapacityRange.RequiredBytes--
		_, err := p.CreateVolume(t.Context(), req)
		assert.Equal(t, codes.OutOfRange, status.Code(err))
	}
}

// TestPublish mounts a volume twice, once read-only, and again after a kill.
func TestPublish(t *testing.T) {
	root := btrfstest.Mount(t)
	p := start(t, root)
	for name, class := range map[string]map[string]string{"tree": nil, "image": image} {
		path := p.create(t, root, volume(name, class))
		for _, readOnly := range []bool{false, true} {
			target := filepath.Join(root, "pods", name, "mount")
			req := &csi.NodePublishVolumeRequest{
				VolumeId: name, TargetPath: target, VolumeCapability: mountCapability, Readonly: readOnly,
			}
			for range 2 {
				_, err := p.NodePublishVolume(t.Context(), req)
				require.NoError(t, err)
			}
			err := os.WriteFile(filepath.Join(target, "file"), []byte(name), 0o600)
			if readOnly {
				assert.ErrorIs(t, err, unix.EROFS)
				assert.FileExists(t, filepath.Join(target, "file"))
			} else {
				require.NoError(t, err)
				assert.FileExists(t, filepath.Join(path, "file"))
			}
			req.Readonly = !readOnly
			_, err = p.NodePublishVolume(t.Context(), req)
			assert.Equal(t, codes.AlreadyExists, status.Code(err))
			for range 2 {
				_, err := p.NodeUnpublishVolume(t.Context(), &csi.NodeUnpublishVolumeRequest{VolumeId: name, TargetPath: target})
				require.NoError(t, err)
			}
			assert.NoDirExists(t, target)
		}
	}
	_, err := p.NodePublishVolume(t.Context(), &csi.NodePublishVolumeRequest{
		VolumeId: "absent", TargetPath: filepath.Join(root, "x"), VolumeCapability: mountCapability,
	})
	assert.Equal(t, codes.NotFound, status.Code(err))
}
