package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// process is one attempt of a step.
type process struct {
	path      string
	args, env []string
	output    io.Writer
	// grace is how long it may take to end after SIGTERM.
	grace time.Duration
}

// run starts the process in a group of its own and waits for it. When ctx ends,
// the group gets SIGTERM, and SIGKILL after the grace period; when hard ends,
// SIGKILL at once. Nothing of the group is alive when run returns, and nothing
// of it outlives this process.
func (p process) run(ctx, hard context.Context) error {
	cmd := exec.Command(p.path, p.args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = p.env, p.output, p.output
	cmd.WaitDelay = 2 * time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}

	// The parent-death signal is sent when the thread that started the child
	// ends, not the process; so this goroutine keeps its thread until the child
	// has ended.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := errors.Join(ctx.Err(), hard.Err()); err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", p.path, err)
	}
	exited, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		p.watch(ctx, hard, cmd.Process.Pid, exited)
	}()
	// The child is left unreaped until the last signal is sent, so that its group
	// ID cannot have become another's.
	err := waitUnreaped(cmd.Process.Pid)
	close(exited)
	<-watched
	signalGroup(cmd.Process.Pid, unix.SIGKILL)
	if werr := cmd.Wait(); werr != nil && !errors.Is(werr, exec.ErrWaitDelay) {
		return werr
	}
	return err
}

// watch ends the process group when a context does.
func (p process) watch(ctx, hard context.Context, pid int, exited <-chan struct{}) {
	select {
	case <-exited:
		return
	case <-hard.Done():
		signalGroup(pid, unix.SIGKILL)
		return
	case <-ctx.Done():
		signalGroup(pid, unix.SIGTERM)
	}
	timer := time.NewTimer(p.grace)
	defer timer.Stop()
	select {
	case <-exited:
	case <-hard.Done():
		signalGroup(pid, unix.SIGKILL)
	case <-timer.C:
		signalGroup(pid, unix.SIGKILL)
	}
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

// longestLine is how much of a line without end is kept, in bytes.
const longestLine = 1 << 20

// lines is a writer that hands on whole lines.
type lines struct {
	each func(line []byte)
	rest []byte
}

func (l *lines) Write(b []byte) (int, error) {
	l.rest = append(l.rest, b...)
	for {
		i := bytes.IndexByte(l.rest, '\n')
		if i < 0 {
			break
		}
		l.each(l.rest[:i])
		l.rest = l.rest[i+1:]
	}
	if len(l.rest) > longestLine {
		l.flush()
	}
	return len(b), nil
}

// flush hands on the last line when it has no end.
func (l *lines) flush() {
	if len(l.rest) > 0 {
		l.each(l.rest)
		l.rest = nil
	}
}
