// Package osspecific completes the executor's package of that name: the module
// as published has these functions for macOS and Windows but not for Linux.
package osspecific

import (
	"errors"
	"os"
	"syscall"

	argoerrors "github.com/argoproj/argo-workflows/v3/util/errors"
)

// Term is the signal that asks the main process of a step to end.
var Term = syscall.SIGTERM

// CanIgnoreSignal tells whether the executor may keep a signal to itself: one
// that tells of its own children or that Go's scheduler sends.
func CanIgnoreSignal(s os.Signal) bool {
	return s == syscall.SIGCHLD || s == syscall.SIGURG
}

// Kill sends s to the process group of pid, so that it reaches also what a
// shell started, or to pid alone when no such process is left to ask.
func Kill(pid int, s syscall.Signal) error {
	if group, err := syscall.Getpgid(pid); err == nil {
		pid = -group
	}
	return syscall.Kill(pid, s)
}

// Setpgid makes the process that is started with a the leader of a group.
func Setpgid(a *syscall.SysProcAttr) { a.Setpgid = true }

// Wait waits until process ends. It returns nil for the exit code 0, else an
// Argo exit error with the code, which is 128 plus the signal's number when a
// signal ended it. The executor is the first process of its container, so it
// has to reap every orphan that ends meanwhile; that is why it cannot wait for
// process alone. It sleeps in the kernel and thus notices the end at once.
func Wait(process *os.Process) error {
	pid := process.Pid
	if err := process.Release(); err != nil {
		return err
	}
	for {
		var status syscall.WaitStatus
		ended, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case err != nil:
			return err
		case ended != pid:
			continue
		case status.Exited():
			return argoerrors.NewExitErr(status.ExitStatus())
		case status.Signaled():
			return argoerrors.NewExitErr(128 + int(status.Signal()))
		}
	}
}
