package boot

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"

	"github.com/backube/scribe-gen/test/cluster/network"
)

// noSlot is the slot of a cluster that has none; no device is named after it.
const noSlot = network.Slot(-1)

// Down removes the cluster: every process, mount, device, network, control group
// and file of it. What it holds is lost.
func (c *Cluster) Down(ctx context.Context) error { return Down(ctx, c.Name) }

// Down removes the cluster of a name, or what is left of it; it does nothing when
// there is nothing.
func Down(ctx context.Context, name string) error {
	if !validName.MatchString(name) || network.Reserved(name) {
		return fmt.Errorf("cluster name %q: no cluster can have it", name)
	}
	unlock, err := lock(ctx, name)
	if err != nil {
		return err
	}
	defer unlock()
	return remove(ctx, name)
}

// remove removes what exists of a cluster. The name must be locked.
func remove(ctx context.Context, name string) error {
	slot := noSlot
	if s, err := load(name); err == nil {
		slot = s.Slot
	}
	if err := halt(ctx, name, slot); err != nil {
		return err
	}
	dir := filepath.Join(Root, name)
	// A mount that is left may be of files that are not ours.
	if left, err := mountsBelow(dir); err != nil || len(left) > 0 {
		return errors.Join(fmt.Errorf("directory %s is kept because of mounts below it: %v", dir, left), err)
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("remove the files of cluster %s: %w", name, err)
	}
	return nil
}

// halt ends everything that runs or is held by the kernel for a cluster, and
// leaves its directory.
func halt(ctx context.Context, name string, slot network.Slot) error {
	ctx, cancel := context.WithTimeout(ctx, downLimit)
	defer cancel()
	c, err := newCluster(name, state{Slot: slot})
	if err != nil {
		return err
	}
	if err := c.group.Kill(ctx); err != nil {
		return err
	}
	if err := killStrays(ctx, c.layout); err != nil {
		return err
	}
	return errors.Join(
		c.removeTraces(),
		unmountBelow(ctx, c.dir),
		detachBelow(ctx, c.dir),
		removeNetwork(ctx, name, slot),
		c.group.Remove(ctx),
	)
}

// removeNetwork removes the cluster's network while no other one is made.
func removeNetwork(ctx context.Context, name string, slot network.Slot) error {
	unlock, err := lock(ctx, machineLock)
	if err != nil {
		return err
	}
	defer unlock()
	return network.Remove(name, slot)
}

// killStrays kills the shims of the cluster's containers that are outside of its
// control group, known by the address of the containerd that they belong to. A
// shim of another containerd is never touched.
func killStrays(ctx context.Context, l layout) error {
	for {
		processes, err := filepath.Glob("/proc/[0-9]*/cmdline")
		if err != nil {
			return err
		}
		left := 0
		for _, file := range processes {
			raw, _ := os.ReadFile(file)
			args := strings.Split(string(raw), "\x00")
			i := slices.Index(args, "-address")
			if i < 0 || i+1 >= len(args) || args[i+1] != l.containerd() || !strings.Contains(args[0], "containerd-shim") {
				continue
			}
			left++
			var pid int
			if _, err := fmt.Sscanf(file, "/proc/%d/cmdline", &pid); err == nil {
				_ = unix.Kill(pid, unix.SIGKILL)
			}
		}
		if left == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.New("shims of containers do not end though killed")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// removeTraces removes what the cluster's programs put outside of its directory:
// sockets of shims, what CNI plugins remember, and links to logs.
func (c *Cluster) removeTraces() error {
	var errs []error
	bundles, _ := filepath.Glob(c.path("containerd", "run", "io.containerd.runtime.v2.task", "*", "*", "address"))
	for _, b := range bundles {
		if raw, err := os.ReadFile(b); err == nil {
			errs = append(errs, removeIfThere(strings.TrimPrefix(strings.TrimSpace(string(raw)), "unix://")))
		}
	}
	// The name of a network may begin that of another, but is followed by a
	// container's ID only here.
	mine := regexp.MustCompile(`^` + regexp.QuoteMeta(c.network()) + `-[0-9a-f]{64}-`)
	results, _ := filepath.Glob("/var/lib/cni/results/" + c.network() + "-*")
	for _, r := range results {
		if mine.MatchString(filepath.Base(r)) {
			errs = append(errs, removeIfThere(r))
		}
	}
	links, _ := filepath.Glob("/var/log/containers/*.log")
	for _, l := range links {
		if target, err := os.Readlink(l); err == nil && strings.HasPrefix(target, c.dir+"/") {
			errs = append(errs, removeIfThere(l))
		}
	}
	return errors.Join(errs...)
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// mountsBelow lists the mount points below a directory, the innermost first.
func mountsBelow(dir string) ([]string, error) {
	mounts, err := mountinfo.GetMounts(mountinfo.PrefixFilter(dir))
	if err != nil {
		return nil, fmt.Errorf("list mounts: %w", err)
	}
	var points []string
	for _, m := range mounts {
		points = append(points, m.Mountpoint)
	}
	slices.Reverse(points)
	return points, nil
}

// unmountBelow unmounts everything below a directory. What is still busy after
// its processes have ended is detached, and unmounted by the kernel once free.
func unmountBelow(ctx context.Context, dir string) error {
	const patience = 2 * time.Second
	for began := time.Now(); ; {
		points, err := mountsBelow(dir)
		if err != nil || len(points) == 0 {
			return err
		}
		flags := 0
		if time.Since(began) > patience {
			flags = unix.MNT_DETACH
		}
		var errs []error
		for _, p := range points {
			if err := unix.Unmount(p, flags|unix.UMOUNT_NOFOLLOW); err != nil && !errors.Is(err, unix.EINVAL) {
				errs = append(errs, fmt.Errorf("unmount %s: %w", p, err))
			}
		}
		if len(errs) == 0 {
			continue // until none is listed: several may have been on one point
		}
		select {
		case <-ctx.Done():
			return errors.Join(errs...)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// detachBelow frees the loop devices whose files are below a directory.
func detachBelow(ctx context.Context, dir string) error {
	for {
		busy, err := loopsBelow(dir)
		if err != nil || len(busy) == 0 {
			return err
		}
		for _, device := range busy {
			f, err := os.Open(device)
			if err != nil {
				return fmt.Errorf("free loop device: %w", err)
			}
			_ = unix.IoctlSetInt(int(f.Fd()), unix.LOOP_CLR_FD, 0)
			_ = f.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("loop devices %v are still in use", busy)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// loopsBelow lists the loop devices whose files are below a directory.
func loopsBelow(dir string) ([]string, error) {
	files, err := filepath.Glob("/sys/block/loop*/loop/backing_file")
	if err != nil {
		return nil, err
	}
	var devices []string
	for _, f := range files {
		// The kernel marks a file that was removed while it was in use.
		if raw, err := os.ReadFile(f); err == nil && strings.HasPrefix(string(raw), dir+"/") {
			devices = append(devices, "/dev/"+strings.Split(f, "/")[3])
		}
	}
	return devices, nil
}

// DownAll removes every cluster of this machine.
func DownAll(ctx context.Context) error {
	all, err := names()
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range all {
		errs = append(errs, Down(ctx, name))
	}
	return errors.Join(errs...)
}
