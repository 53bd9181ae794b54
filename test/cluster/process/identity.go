package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// identity tells a process from every other one that has, had or will have its
// ID: another process may get the same ID, and after a reboot even at the same
// tick.
type identity struct {
	PID   int    `json:"pid,omitempty"`
	Start uint64 `json:"start,omitempty"` // in ticks since boot
	Boot  string `json:"boot,omitempty"`
}

// identify returns the identity of a process that lives.
func identify(pid int) (identity, error) {
	raw, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return identity{}, err
	}
	p, err := procfs.NewProc(pid)
	if err != nil {
		return identity{}, err
	}
	stat, err := p.Stat()
	if err != nil {
		return identity{}, err
	}
	if stat.State == "Z" || stat.State == "X" {
		return identity{}, fmt.Errorf("process %d: %w", pid, os.ErrProcessDone)
	}
	return identity{PID: pid, Start: stat.Starttime, Boot: strings.TrimSpace(string(raw))}, nil
}

// alive reports whether the very process lives.
func (i identity) alive() bool {
	if i.PID == 0 {
		return false
	}
	now, err := identify(i.PID)
	return err == nil && now == i
}

// stop asks the process to end, kills it after the grace time, and waits for its
// end. It signals through a descriptor of the process, which never stands for
// another one.
func (i identity) stop(ctx context.Context, grace time.Duration) error {
	if i.PID == 0 {
		return nil
	}
	fd, err := unix.PidfdOpen(i.PID, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open process %d: %w", i.PID, err)
	}
	defer unix.Close(fd)
	if !i.alive() {
		return nil
	}
	if grace > 0 {
		_ = unix.PidfdSendSignal(fd, unix.SIGTERM, nil, 0)
		if ended(ctx, fd, grace) {
			return nil
		}
	}
	_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
	if !ended(ctx, fd, Grace) {
		return errors.Join(fmt.Errorf("process %d does not end though killed", i.PID), ctx.Err())
	}
	return nil
}

// ended waits for the end of the process behind a descriptor, for at most the
// given time.
func ended(ctx context.Context, fd int, limit time.Duration) bool {
	const slice = 50 * time.Millisecond // in which the end of ctx is noticed
	for deadline := time.Now().Add(limit); ; {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(fds, int(slice/time.Millisecond))
		if err == nil && n > 0 {
			return true
		}
		if ctx.Err() != nil || time.Now().After(deadline) {
			return false
		}
	}
}
