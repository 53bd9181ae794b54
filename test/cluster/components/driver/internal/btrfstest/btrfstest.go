// Package btrfstest gives tests a btrfs file system.
package btrfstest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Mount makes a btrfs file system of 2 GiB in a sparse file and returns where it is
// mounted until the test ends. What the test mounted below goes with it. It needs
// root and mkfs.btrfs; it skips the test with -short only.
func Mount(t *testing.T) string {
	t.Helper()
	NeedRoot(t)
	_, err := exec.LookPath("mkfs.btrfs")
	require.NoError(t, err, "install the package btrfs-progs, or run with -short")
	dir := t.TempDir()
	file, mount := filepath.Join(dir, "image"), filepath.Join(dir, "root")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	require.NoError(t, os.Truncate(file, 2<<30))
	require.NoError(t, os.Mkdir(mount, 0o755))
	command(t, "mkfs.btrfs", "-q", file)
	command(t, "mount", "-o", "loop", file, mount)
	t.Cleanup(func() { command(t, "umount", "--recursive", mount) })
	return mount
}

// NeedRoot fails a test that cannot mount file systems; with -short it skips it.
func NeedRoot(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("mounts file systems")
	}
	require.Zero(t, os.Geteuid(), "mounting file systems needs root: run as root, or with -short")
}

func command(t *testing.T, name string, args ...string) {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	require.NoError(t, err, "%s %v: %s", name, args, out)
}
