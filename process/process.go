// Package process runs child processes so that none of them outlives its parent
// or its purpose: in a process group of its own, ended as a group, politely
// first, and killed by the kernel when the parent dies. No shell is involved. It
// knows nothing of the project.
package process

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// PipeSize is asked for on the pipes to a child that moves data: fewer, larger
// copies. The kernel's default is 64 KiB, and its limit for users 1 MiB.
const PipeSize = 1 << 20

// defaultGrace is how long a child that was asked to end may take before it is
// killed.
const defaultGrace = 5 * time.Second

// Options are how a child ends before it has ended by itself.
type Options struct {
	// Stop asks the group to end with SIGTERM; after Grace (default 5s) it is
	// killed.
	Stop context.Context
	// Kill kills the group at once; nil for never.
	Kill  context.Context
	Grace time.Duration
	// Started is called once the child runs; an error stops it and is returned by
	// Run.
	Started func() error
}

// Run starts the command and waits for its end. Nothing of its group is alive
// when Run returns. The error is that of Started, of starting, or of the child's
// exit.
//
// It keeps the goroutine on one thread: the parent-death signal is sent when the
// thread that forked ends, which the runtime may else do at any time.
func Run(cmd *exec.Cmd, o Options) error {
	if o.Kill == nil {
		o.Kill = context.Background()
	}
	if o.Grace <= 0 {
		o.Grace = defaultGrace
	}
	if err := errors.Join(o.Stop.Err(), o.Kill.Err()); err != nil {
		return err
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = 2 * time.Second // for the output of what has been killed
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		return err
	}
	stop, stopped := context.WithCancel(o.Stop)
	defer stopped()
	o.Stop = stop
	exited, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		o.watch(cmd.Process.Pid, exited)
	}()
	var failed error
	if o.Started != nil {
		if failed = o.Started(); failed != nil {
			stopped()
		}
	}
	// The child is left unreaped until the last signal is sent, so that its group
	// ID cannot have become another's.
	err := waitUnreaped(cmd.Process.Pid)
	close(exited)
	<-watched
	signalGroup(cmd.Process.Pid, unix.SIGKILL)
	if werr := cmd.Wait(); werr != nil && !errors.Is(werr, exec.ErrWaitDelay) {
		err = werr
	}
	if failed != nil {
		return failed
	}
	return err
}

// watch ends the process group when a context does.
func (o Options) watch(pid int, exited <-chan struct{}) {
	select {
	case <-exited:
		return
	case <-o.Kill.Done():
		signalGroup(pid, unix.SIGKILL)
		return
	case <-o.Stop.Done():
		signalGroup(pid, unix.SIGTERM)
	}
	timer := time.NewTimer(o.Grace)
	defer timer.Stop()
	select {
	case <-exited:
		return
	case <-o.Kill.Done():
	case <-timer.C:
	}
	signalGroup(pid, unix.SIGKILL)
}

// signalGroup signals every process of the group; that there is none is fine.
func signalGroup(pid int, sig unix.Signal) { _ = unix.Kill(-pid, sig) }

// waitUnreaped waits until the child has ended and leaves it to be reaped.
func waitUnreaped(pid int) error {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
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
