package boot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// cniPlugins is where Debian's package of the CNI plugins puts them.
const cniPlugins = "/usr/lib/cni"

// packages of Debian and the program for whose sake each is needed.
var packages = []struct {
	program, name string
	node          bool // only for clusters with a node
}{
	{"nsenter", "util-linux", false},
	{"containerd", "containerd", true},
	{"runc", "runc", true},
	{cniPlugins + "/ptp", "containernetworking-plugins", true},
	{"iptables", "iptables", true}, // of the CNI plugin portmap
	{"nft", "nftables", true},      // of kube-proxy
	{"mkfs.btrfs", "btrfs-progs", true},
	{"mkfs.ext4", "e2fsprogs", true}, // of volumes with a limit
	{"mount", "mount", true},
	{"modprobe", "kmod", true}, // the kernel calls it for file systems and devices
}

// missing lists the packages whose programs this machine lacks.
func missing(controlPlane bool) []string {
	var list []string
	for _, p := range packages {
		if p.node && controlPlane {
			continue
		}
		if _, err := exec.LookPath(p.program); err != nil {
			list = append(list, p.name)
		}
	}
	return slices.Compact(list)
}

// ensureHost checks that this machine can hold a cluster, and installs the
// packages that are missing.
func ensureHost(ctx context.Context, log *slog.Logger, controlPlane bool) error {
	if os.Geteuid() != 0 {
		return errors.New("a cluster needs root: it makes network namespaces, mounts and control groups")
	}
	names := missing(controlPlane)
	if len(names) == 0 {
		return nil
	}
	log.Info("installing Debian packages", "packages", strings.Join(names, " "))
	install := "apt-get install -y --no-install-recommends " + strings.Join(names, " ")
	for _, command := range []string{"apt-get update", install} {
		cmd := exec.CommandContext(ctx, "bash", "-c", command)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("the packages %s are missing and %q failed; install them by hand: %w\n%s",
				strings.Join(names, ", "), command, err, last(string(out), 10))
		}
	}
	if names := missing(controlPlane); len(names) > 0 {
		return fmt.Errorf("the programs of %s are still missing after %q", strings.Join(names, ", "), install)
	}
	return nil
}

// run runs a program of the host and puts its output into the error.
func run(ctx context.Context, name string, args ...string) error {
	if out, err := exec.CommandContext(ctx, name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, last(string(out), 10))
	}
	return nil
}

// last returns the last n lines.
func last(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// volumesSize is the size of the file system that holds all volumes. The file is
// sparse: only what is written takes space.
const volumesSize = 12 << 30

// makeVolumes makes the file system of the volumes and mounts it. The loop device
// goes away with the mount.
func makeVolumes(ctx context.Context, l layout) error {
	f, err := os.OpenFile(l.image(), os.O_CREATE|os.O_RDWR, 0o600)
	if err == nil {
		err = errors.Join(unix.Ftruncate(int(f.Fd()), volumesSize), f.Close())
	}
	if err != nil {
		return fmt.Errorf("make the file of the volumes: %w", err)
	}
	if err := run(ctx, "mkfs.btrfs", "-q", "-m", "single", l.image()); err != nil {
		return err
	}
	if err := run(ctx, "mount", "-t", "btrfs", "-o", "loop,noatime", l.image(), l.volumes()); err != nil {
		return err
	}
	for _, driver := range []string{DriverName, PlainDriverName} {
		if err := os.MkdirAll(l.path("volumes", driver), 0o755); err != nil {
			return err
		}
	}
	return nil
}
