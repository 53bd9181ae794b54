package volume_test

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/steps/internal/volume"
)

func TestLockRoot(t *testing.T) {
	root := t.TempDir()
	release, _, err := volume.LockRoot(t.Context(), root)
	require.NoError(t, err)

	_, _, err = volume.TryLockRoot(root)
	require.ErrorIs(t, err, volume.ErrLocked)

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, _, err = volume.LockRoot(ctx, root)
	require.ErrorIs(t, err, context.DeadlineExceeded)

	got := make(chan error, 1)
	go func() {
		second, _, err := volume.LockRoot(t.Context(), root)
		if err == nil {
			second()
		}
		got <- err
	}()
	select {
	case <-got:
		t.Fatal("locked twice")
	case <-time.After(20 * time.Millisecond):
	}
	release()
	release()
	require.NoError(t, <-got)

	require.Eventually(t, func() bool {
		third, _, err := volume.TryLockRoot(root)
		if err == nil {
			third()
		}
		return err == nil
	}, time.Second, time.Millisecond, "a waiter that gave up must not keep the lock")
}

func TestLockRootIsHeldByChildren(t *testing.T) {
	root := t.TempDir()
	release, f, err := volume.LockRoot(t.Context(), root)
	require.NoError(t, err)
	child := exec.Command("sleep", "60")
	child.ExtraFiles = []*os.File{f}
	require.NoError(t, child.Start())
	release()

	_, _, err = volume.TryLockRoot(root)
	assert.ErrorIs(t, err, volume.ErrLocked)

	require.NoError(t, child.Process.Kill())
	_ = child.Wait()
	release, _, err = volume.TryLockRoot(root)
	require.NoError(t, err)
	release()
}

func TestLockRootOfMissingVolume(t *testing.T) {
	_, _, err := volume.LockRoot(t.Context(), t.TempDir()+"/absent")
	assert.ErrorIs(t, err, os.ErrNotExist)
}
