// Package meter starts processes in groups and tells what CPU time and memory
// each group used, its descendants included. It knows nothing of what the
// processes do.
package meter

import (
	"errors"
	"fmt"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// pollEvery is how often the members of a group are looked at for their memory.
const pollEvery = 20 * time.Millisecond

// Peak is the largest resident size that one process reached.
type Peak struct {
	PID int
	// Program is the path of its executable.
	Program string
	// Direct is set for what [Group.Start] started, not for its descendants.
	Direct bool
	Bytes  int64
}

// Group is processes that are measured together, and ended together: what was
// started in it and all descendants.
type Group struct {
	name   string
	cgroup *cgroup // nil where the kernel or the rights do not allow one

	mu      sync.Mutex
	started map[int]bool
	seen    map[int]process
	past    time.Duration // CPU time of processes whose ID was taken by a later one

	stop chan struct{}
	done sync.WaitGroup
}

// New makes an empty group and begins to watch it. The name is part of its
// cgroup's, so that an operator sees what it is. The caller closes it.
func New(name string) (*Group, error) {
	c, err := newCgroup(name)
	if err != nil && !errors.Is(err, errNoCgroup) {
		return nil, err
	}
	g := &Group{
		name:    name,
		cgroup:  c,
		started: map[int]bool{},
		seen:    map[int]process{},
		stop:    make(chan struct{}),
	}
	g.done.Go(g.watch)
	return g, nil
}

// Method says how CPU time is measured, for the reader of the numbers.
func (g *Group) Method() string {
	if g.cgroup != nil {
		return "cgroup v2 cpu.stat"
	}
	return "/proc/PID/stat of all processes every 20 ms"
}

// Start starts cmd in the group, in a process group of its own so that a
// terminal's Ctrl-C reaches only those that then end their children in order.
func (g *Group) Start(cmd *exec.Cmd) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	if g.cgroup != nil {
		cmd.SysProcAttr.UseCgroupFD = true
		cmd.SysProcAttr.CgroupFD = int(g.cgroup.dir.Fd())
	}
	if cmd.Cancel != nil {
		cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
		cmd.WaitDelay = 5 * time.Second
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s in group %s: %w", cmd.Path, g.name, err)
	}
	g.mu.Lock()
	g.started[cmd.Process.Pid] = true
	g.mu.Unlock()
	return nil
}

// Run starts cmd in the group and waits for it.
func (g *Group) Run(cmd *exec.Cmd) error {
	if err := g.Start(cmd); err != nil {
		return err
	}
	return cmd.Wait()
}

// CPU is the user and system time that the group used so far.
func (g *Group) CPU() (time.Duration, error) {
	if g.cgroup != nil {
		return g.cgroup.cpu()
	}
	g.poll()
	g.mu.Lock()
	defer g.mu.Unlock()
	total := g.past
	for _, p := range g.seen {
		total += p.cpu
	}
	return total, nil
}

// Forget drops the peaks of processes that have ended.
func (g *Group) Forget() {
	g.poll()
	g.mu.Lock()
	defer g.mu.Unlock()
	for pid, p := range g.seen {
		if !p.alive {
			g.past += p.cpu
			delete(g.seen, pid)
		}
	}
}

// Peaks is the largest resident size of each process since the last Forget.
// A process that lives shorter than the 20 ms between two looks may be missing.
func (g *Group) Peaks() []Peak {
	g.poll()
	g.mu.Lock()
	defer g.mu.Unlock()
	var peaks []Peak
	for pid, p := range g.seen {
		peaks = append(peaks, Peak{PID: pid, Program: p.program, Direct: p.direct, Bytes: p.peak})
	}
	return peaks
}

// Close ends every process of the group and removes it.
func (g *Group) Close() error {
	close(g.stop)
	g.done.Wait()
	if g.cgroup != nil {
		return g.cgroup.close()
	}
	g.poll()
	g.mu.Lock()
	defer g.mu.Unlock()
	for pid, p := range g.seen {
		if p.alive {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	return nil
}

func (g *Group) watch() {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		select {
		case <-g.stop:
			return
		case <-tick.C:
			g.poll()
		}
	}
}

// poll looks at every member once.
func (g *Group) poll() {
	g.mu.Lock()
	defer g.mu.Unlock()
	members := g.members()
	for pid, p := range g.seen {
		if !members[pid] && p.alive {
			p.alive = false
			g.seen[pid] = p
		}
	}
	for pid := range members {
		old, known := g.seen[pid]
		now, err := readProcess(pid)
		now.direct = g.started[pid]
		switch {
		case err != nil:
			old.alive = false
			if known {
				g.seen[pid] = old
			}
		case known && old.begun != now.begun:
			g.past += old.cpu
			g.seen[pid] = now
		default:
			g.seen[pid] = now.after(old)
		}
	}
}

// members lists the living processes of the group. Without a cgroup these are
// the started ones, their descendants, and what was one before it was orphaned.
func (g *Group) members() map[int]bool {
	if g.cgroup != nil {
		return g.cgroup.members()
	}
	members := map[int]bool{}
	var add func(pid int)
	add = func(pid int) {
		if members[pid] {
			return
		}
		members[pid] = true
		for _, child := range children(pid) {
			add(child)
		}
	}
	for pid := range g.started {
		if p, known := g.seen[pid]; known && !p.alive {
			delete(g.started, pid) // ended: its ID may become another's
			continue
		}
		add(pid)
	}
	for pid, p := range g.seen {
		if now, err := readProcess(pid); p.alive && err == nil && now.begun == p.begun {
			add(pid)
		}
	}
	return members
}
