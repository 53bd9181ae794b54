// Package cgroup keeps everything that a test cluster runs, its own programs and
// its containers, below one control group, so that all of it can be found and
// killed whatever became of the program that started it. It works with control
// groups of version 1, version 2, and both mounted.
package cgroup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// systemLeaf holds the cluster's own programs: with version 2, only a group
// without children may have processes.
const systemLeaf = "system"

// Group is one control group, by the same name in every hierarchy.
type Group struct {
	name        string
	hierarchies []hierarchy
}

// hierarchy is one mounted tree of control groups.
type hierarchy struct {
	root    string
	version int
	options []string // of version 1: its controllers or name
}

// Open returns the group of a name, which need not exist. The name is that of a
// directory below each hierarchy's root.
func Open(name string) (Group, error) {
	mounts, err := mountinfo.GetMounts(func(m *mountinfo.Info) (skip, stop bool) {
		return m.FSType != "cgroup" && m.FSType != "cgroup2", false
	})
	if err != nil {
		return Group{}, fmt.Errorf("list control group hierarchies: %w", err)
	}
	g := Group{name: name}
	for _, m := range mounts {
		h := hierarchy{root: m.Mountpoint, version: 1, options: strings.Split(m.VFSOptions, ",")}
		if m.FSType == "cgroup2" {
			h.version = 2
		}
		g.hierarchies = append(g.hierarchies, h)
	}
	if len(g.hierarchies) == 0 {
		return g, errors.New("no control group hierarchy is mounted; containers need one, for example at /sys/fs/cgroup")
	}
	return g, nil
}

// Create makes the group, as far as it does not exist.
func (g Group) Create() error {
	for _, h := range g.hierarchies {
		dir := filepath.Join(h.root, g.name)
		if h.version == 2 {
			delegate(h.root)
		}
		if err := os.MkdirAll(filepath.Join(dir, systemLeaf), 0o755); err != nil {
			return fmt.Errorf("make control group: %w", err)
		}
		if h.version == 2 {
			delegate(dir)
		}
		if err := h.fillCPUSet(dir, filepath.Join(dir, systemLeaf)); err != nil {
			return err
		}
	}
	return nil
}

// delegate lets the children of a group of version 2 use its controllers. One
// that cannot be had is missed by what needs it, which says so better.
func delegate(dir string) {
	raw, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return
	}
	for _, c := range strings.Fields(string(raw)) {
		_ = os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte("+"+c), 0)
	}
}

// fillCPUSet gives new groups of version 1 the processors and memory of their
// parents: a group without any cannot hold a process.
func (h hierarchy) fillCPUSet(dirs ...string) error {
	if h.version != 1 || !slices.Contains(h.options, "cpuset") {
		return nil
	}
	for _, dir := range dirs {
		for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
			raw, err := os.ReadFile(filepath.Join(filepath.Dir(dir), file))
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, file), raw, 0)
			}
			if err != nil {
				return fmt.Errorf("copy %s to control group %s: %w", file, dir, err)
			}
		}
	}
	return nil
}

// tracking is the hierarchy whose groups hold every process of the cluster. Not
// all do: a program starts in those that are told to it.
func (g Group) tracking() hierarchy {
	for _, name := range []string{"pids", "name=systemd", "memory"} {
		for _, h := range g.hierarchies {
			if h.version == 1 && slices.Contains(h.options, name) {
				return h
			}
		}
	}
	return g.hierarchies[0]
}

// System is the directory of the group that the cluster's own programs enter by
// writing to its file cgroup.procs.
func (g Group) System() string { return filepath.Join(g.tracking().root, g.name, systemLeaf) }

// Processes lists the processes in the group and below.
func (g Group) Processes() ([]int, error) {
	var pids []int
	top := filepath.Join(g.tracking().root, g.name)
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // never made, or removed meanwhile
		}
		if err != nil || !d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(filepath.Join(path, "cgroup.procs"))
		if err != nil {
			return nil // removed meanwhile, or a threaded group, whose parent lists them
		}
		for _, f := range strings.Fields(string(raw)) {
			if pid, err := strconv.Atoi(f); err == nil && pid > 0 {
				pids = append(pids, pid)
			}
		}
		return nil
	})
	return pids, err
}

// Kill kills every process in the group and below, and waits until they are
// gone.
func (g Group) Kill(ctx context.Context) error {
	for {
		pids, err := g.Processes()
		if err != nil || len(pids) == 0 {
			return err
		}
		for _, pid := range pids {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("processes %v of control group %s do not end though killed: %w", pids, g.name, ctx.Err())
		case <-time.After(20 * time.Millisecond): // the kernel tells nobody but parents
		}
	}
}

// Remove removes the group and those below it, which must be empty.
func (g Group) Remove(ctx context.Context) error {
	for {
		err := g.remove()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("remove control group %s: %w", g.name, err)
		case <-time.After(20 * time.Millisecond): // a killed process leaves its group a little later
		}
	}
}

func (g Group) remove() error {
	var errs []error
	for _, h := range g.hierarchies {
		var dirs []string
		err := filepath.WalkDir(filepath.Join(h.root, g.name), func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				dirs = append(dirs, path)
			}
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		})
		errs = append(errs, err)
		for _, dir := range slices.Backward(dirs) {
			if err := unix.Rmdir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, fmt.Errorf("%s: %w", dir, err))
			}
		}
	}
	return errors.Join(errs...)
}

// Exists reports whether the group exists in any hierarchy.
func (g Group) Exists() bool {
	return slices.ContainsFunc(g.hierarchies, func(h hierarchy) bool {
		_, err := os.Stat(filepath.Join(h.root, g.name))
		return err == nil
	})
}
