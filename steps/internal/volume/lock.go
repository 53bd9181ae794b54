package volume

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// LockRoot takes the exclusive flock(2) on the root directory of a volume and
// waits for it until ctx ends. A listener holds it from before its first write
// to the replica until its last, so whoever else gets it knows that nobody
// writes.
//
// The lock belongs to the open file, not to the process: give f to child
// processes (exec.Cmd.ExtraFiles) and the volume stays locked until the last of
// them has ended, even when the parent was killed. Calling release closes f in
// this process; calling it again does nothing.
func LockRoot(ctx context.Context, root string) (release func(), f *os.File, err error) {
	f, err = openRoot(root)
	if err != nil {
		return nil, nil, err
	}
	release = func() { _ = f.Close() }
	err = flock(f, unix.LOCK_EX|unix.LOCK_NB)
	switch {
	case errors.Is(err, unix.EWOULDBLOCK):
		err = waitLock(ctx, f)
	case err != nil:
		release()
	}
	if err != nil {
		return nil, nil, fmt.Errorf("lock volume %s, which another process holds or held: %w", root, err)
	}
	return release, f, nil
}

// ErrLocked is returned, wrapped, by TryLockRoot when another process holds the
// lock.
var ErrLocked = errors.New("locked by another process")

// TryLockRoot is LockRoot without waiting.
func TryLockRoot(root string) (release func(), f *os.File, err error) {
	f, err = openRoot(root)
	if err != nil {
		return nil, nil, err
	}
	err = flock(f, unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		return func() { _ = f.Close() }, f, nil
	}
	_ = f.Close()
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = ErrLocked
	}
	return nil, nil, fmt.Errorf("lock volume %s: %w", root, err)
}

func openRoot(root string) (*os.File, error) {
	f, err := os.OpenFile(root, os.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("lock volume: %w", err)
	}
	return f, nil
}

// waitLock blocks in flock(2), which cannot be interrupted: when ctx ends first,
// the waiting goroutine lives on until it gets the lock and then drops it by
// closing f.
func waitLock(ctx context.Context, f *os.File) error {
	locked := make(chan error, 1)
	go func() { locked <- flock(f, unix.LOCK_EX) }()
	select {
	case err := <-locked:
		if err != nil {
			_ = f.Close()
		}
		return err
	case <-ctx.Done():
		go func() {
			<-locked
			_ = f.Close()
		}()
		return context.Cause(ctx)
	}
}

func flock(f *os.File, how int) error {
	for {
		err := unix.Flock(int(f.Fd()), how)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
