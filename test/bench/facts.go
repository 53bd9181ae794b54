package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/backube/scribe-gen/test/bench/internal/meter"
)

// facts say on what and how it was measured.
func (b *bench) facts(ctx context.Context, private bool) []string {
	wire := "those of the loopback device, headers included"
	if !private {
		wire += " (shared with other programs: not exact)"
	}
	return []string{
		fmt.Sprintf("%s: n = %d, medians, contenders in turn", time.Now().UTC().Format(time.DateOnly), b.repetitions),
		fmt.Sprintf("%d × %s for both ends, Linux %s, data on %s", runtime.NumCPU(), processor(), kernel(), b.fileSystem),
		fmt.Sprintf("%s; %s; %s", firstLine(ctx, "rsync", "--version"), firstLine(ctx, "ssh", "-V"), runtime.Version()),
		"CPU time from " + b.cpuMethod,
		"bytes on the wire are " + wire + "; 50 ms away, those that the delaying proxy passes on",
		"peak memory is the sum of the resident peaks of all processes of both ends",
	}
}

// facts say on what and how it was measured.
func (b *storeBench) facts(ctx context.Context, _ bool) []string {
	peer := "no peer"
	if b.peer != "" {
		peer = firstLine(ctx, b.peer, "version")
	}
	index := "scribe keeps an index (--index) at the source, which rested for 12 s before the first push"
	if !b.index {
		index = "scribe has no index (--index): every push reads the whole source"
	}
	return []string{
		fmt.Sprintf("%s: n = %d, medians, contenders in turn, each with a store and a replica of its own", time.Now().UTC().Format(time.DateOnly), b.repetitions),
		fmt.Sprintf("%d × %s for client, server and the proxy between that counts, Linux %s, data on %s", runtime.NumCPU(), processor(), kernel(), b.fileSystem),
		fmt.Sprintf("%s, the version that scribe has as a library; Versity S3 Gateway over plain HTTP on the loopback device; %s", peer, runtime.Version()),
		index,
		"CPU time from " + b.cpuMethod + ", of the client's processes without the server's",
		"bytes on the wire are those of the connections, with HTTP headers; peak memory is that of the client's largest process",
	}
}

func processor() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

func kernel() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return "?"
	}
	return unix.ByteSliceToString(u.Release[:])
}

// firstLine is what a program says of its version. OpenSSH says it on stderr.
func firstLine(ctx context.Context, name string, args ...string) string {
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return name + " ?"
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return strings.Join(strings.Fields(line), " ")
}

// fileSystemType names the file system of dir, as far as it matters for timing.
func fileSystemType(dir string) string {
	var fs unix.Statfs_t
	if unix.Statfs(dir, &fs) != nil {
		return "an unknown file system"
	}
	switch fs.Type {
	case unix.TMPFS_MAGIC:
		return "tmpfs"
	case unix.EXT4_SUPER_MAGIC:
		return "ext4"
	case unix.XFS_SUPER_MAGIC:
		return "xfs"
	case unix.BTRFS_SUPER_MAGIC:
		return "btrfs"
	case unix.OVERLAYFS_SUPER_MAGIC:
		return "overlayfs"
	default:
		return fmt.Sprintf("file system %#x", fs.Type)
	}
}

// cpuMethod tries how CPU time can be measured here.
func cpuMethod() (string, error) {
	g, err := meter.New("probe")
	if err != nil {
		return "", err
	}
	return g.Method(), g.Close()
}
