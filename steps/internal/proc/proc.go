// Package proc runs child processes so that none of them outlives its parent or
// its purpose: in a process group of its own, ended as a group, politely first,
// and killed by the kernel when the parent dies. No shell is involved.
package proc

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Grace is how long a child that was asked to end may take before it is killed.
const Grace = 5 * time.Second

// PipeSize is asked for on the pipes to a child that moves data: fewer, larger
// copies. The kernel's default is 64 KiB, and its limit for users 1 MiB.
const PipeSize = 1 << 20

// Command is exec.CommandContext with the rules of this package. Run it with Run.
func Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGTERM) }
	cmd.WaitDelay = Grace // then Wait kills the child, and Run its group
	return cmd
}

// Run starts the command, calls started when that is not nil, and waits for its
// end. When the command was stopped, or started failed, the whole group has been
// killed on return.
//
// It keeps the goroutine on one thread: Pdeathsig is sent when the thread that
// forked ends, which the runtime may else do at any time.
func Run(cmd *exec.Cmd, started func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		return err
	}
	var failed error
	if started != nil {
		if failed = started(); failed != nil {
			_ = cmd.Cancel()
			late := time.AfterFunc(Grace, func() { _ = cmd.Process.Kill() })
			defer late.Stop()
		}
	}
	err := cmd.Wait()
	if err != nil || failed != nil {
		_ = unix.Kill(-cmd.Process.Pid, unix.SIGKILL)
	}
	if failed != nil {
		return failed
	}
	return err
}

// Widen enlarges the buffer of a pipe, as far as the kernel allows.
func Widen(f *os.File) {
	raw, err := f.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, PipeSize)
	})
}

// Tail keeps the end of what is written to it, for error messages.
type Tail struct {
	// Limit is how many bytes are kept.
	Limit int
	buf   []byte
	cut   bool
}

func (t *Tail) Write(p []byte) (int, error) {
	t.buf = append(t.buf, p...)
	if over := len(t.buf) - t.Limit; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
		t.cut = true
	}
	return len(p), nil
}

// String is the end, from the start of a line when something was cut.
func (t *Tail) String() string {
	b := t.buf
	if t.cut {
		if i := bytes.IndexByte(b, '\n'); i >= 0 {
			b = b[i+1:]
		}
	}
	return string(bytes.TrimSpace(b))
}
