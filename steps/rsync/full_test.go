package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/tree"
)

// A destination without space fails the run in words and keeps the last replica
// snapshot; with space again the next run succeeds.
func TestDestinationIsFull(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("this test mounts a small tmpfs: run it as root")
	}
	s := newSites(t)
	require.NoError(t, unix.Mount("tmpfs", s.replica(), "tmpfs", 0, "size=4m"))
	t.Cleanup(func() { _ = unix.Unmount(s.replica(), unix.MNT_DETACH) })
	s.write(map[string]string{"a": "fits"})
	first := s.sync("first")
	saved := s.dest.Snapshot(claim, first.Snapshot)

	big := filepath.Join(s.source, "big")
	noise := make([]byte, 8<<20) // without holes, so that it needs the space
	for i := range noise {
		noise[i] = byte(i*7 + i>>8 + 1)
	}
	require.NoError(t, os.WriteFile(big, noise, 0o644))
	listener, push := s.listen("--window=2s"), s.push("second", time.Now())
	exit, out := push.wait()
	assert.Equal(t, contract.ExitFailed, exit, "more space may be given: a retry may help")
	assert.Contains(t, out.Reason, "No space left on device")
	listener.wait()
	assert.Equal(t, []string{first.Snapshot}, s.snapshots())
	content, err := os.ReadFile(filepath.Join(saved, "a"))
	require.NoError(t, err)
	assert.Equal(t, "fits", string(content))
	assert.NoFileExists(t, filepath.Join(saved, "big"))

	require.NoError(t, unix.Mount("tmpfs", s.replica(), "tmpfs", unix.MS_REMOUNT, "size=32m"))
	out = s.sync("third")
	s.requireReplica(out.Snapshot, tree.Options{})
}
