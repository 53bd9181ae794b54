// Package backing holds the contents of volumes and snapshots on disk: as
// directory trees ([Btrfs], [Dir]) or as file system images ([Image]).
//
// It knows paths only. A copy is not finished until the call that made it has
// returned nil; whoever calls records that, and removes what was not finished.
package backing

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
)

// Backing makes, copies and removes contents. The contents of a writable one are
// to be read and written below its path.
type Backing interface {
	// Create makes empty, writable contents of at least size bytes at path, whose
	// root has mode 0755 and belongs to root. Nothing may exist there.
	Create(ctx context.Context, path string, size int64) error
	// Copy makes a copy of from, a volume or a snapshot of the same backing, at
	// to, where nothing may exist.
	Copy(ctx context.Context, from, to string, as Shape) error
	// Remove removes what is at path, finished or not. That nothing is there is
	// no error.
	Remove(path string) error
}

// Attacher is a Backing whose contents have to be made visible after a restart
// of the machine.
type Attacher interface {
	// Attach makes the contents visible below path; that they already are is no
	// error.
	Attach(ctx context.Context, path string) error
}

// Shape says what a copy is to become.
type Shape struct {
	// Size in bytes, at least that of what is copied; ignored with ReadOnly.
	Size int64
	// ReadOnly makes a snapshot: it keeps its size and need not be visible below
	// its path.
	ReadOnly bool
}

// CopyTree copies everything below from into the directory to, attributes
// included, those of the two roots too. It is not a point-in-time copy.
func CopyTree(ctx context.Context, from, to string) error {
	return run(ctx, "cp", "-a", "--reflink=auto", "--", from+"/.", to+"/")
}

// run runs a command that dies with this process: one that outlived it would
// write into what the next start of the driver removes.
func run(ctx context.Context, name string, args ...string) error {
	// The signal is sent when the thread ends that started the command.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
}

// makeRoot makes the root directory of a new tree, whatever the umask is.
func makeRoot(path string) error {
	if err := os.Mkdir(path, 0o755); err != nil {
		return err
	}
	return os.Chmod(path, 0o755)
}
