package archive_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// container is what a container of the image sees: its root file system
// read-only, /proc, /dev/null, and one volume at /data.
type container struct {
	t    testing.TB
	root string
	// data is the volume, as this machine sees it.
	data string
	env  []string
}

// newContainer unpacks the image and mounts it, as a runtime does it.
func newContainer(t testing.TB, img v1.Image) *container {
	t.Helper()
	require.Zero(t, os.Geteuid(), "this test mounts and changes the root directory: run it as root")
	config, err := img.ConfigFile()
	require.NoError(t, err)
	lower := t.TempDir()
	unpack(t, img, lower)
	// A runtime makes what it mounts on in the layer above the image's.
	for _, dir := range []string{"proc", "data", "dev"} {
		require.NoError(t, os.MkdirAll(filepath.Join(lower, dir), 0o755))
	}
	require.NoError(t, os.WriteFile(filepath.Join(lower, "dev/null"), nil, 0o644))
	c := &container{t: t, root: t.TempDir(), data: t.TempDir(), env: config.Config.Env}
	c.mount(lower, "/", "", unix.MS_BIND)
	c.mount("", "/", "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY)
	c.mount("proc", "/proc", "proc", 0)
	c.mount("/dev/null", "/dev/null", "", unix.MS_BIND)
	c.mount("tmpfs", "/tmp", "tmpfs", 0)
	c.mount(c.data, "/data", "", unix.MS_BIND)
	return c
}

func (c *container) mount(source, target, kind string, flags uintptr) {
	c.t.Helper()
	target = filepath.Join(c.root, target)
	require.NoError(c.t, unix.Mount(source, target, kind, flags, ""), target)
	if flags&unix.MS_REMOUNT == 0 {
		c.t.Cleanup(func() { require.NoError(c.t, unix.Unmount(target, unix.MNT_DETACH)) })
	}
}

// process is a program in the container.
type process struct {
	t      testing.TB
	cmd    *exec.Cmd
	output bytes.Buffer
}

// start starts a program as a user and a group of that number, who are in no
// other group.
func (c *container) start(user uint32, program string, args ...string) *process {
	c.t.Helper()
	p := &process{t: c.t}
	p.cmd = &exec.Cmd{
		Path: program, Args: append([]string{program}, args...), Env: c.env, Dir: "/",
		Stdout: &p.output, Stderr: &p.output, WaitDelay: 5 * time.Second,
		SysProcAttr: &syscall.SysProcAttr{Chroot: c.root, Credential: &syscall.Credential{Uid: user, Gid: user}, Pdeathsig: syscall.SIGKILL},
	}
	require.NoError(c.t, p.cmd.Start(), program)
	return p
}

// wait requires that the program ends well, and returns what it printed.
func (p *process) wait() string {
	p.t.Helper()
	limit := time.AfterFunc(2*time.Minute, func() { _ = p.cmd.Process.Kill() })
	defer limit.Stop()
	err := p.cmd.Wait()
	require.NoError(p.t, err, "%s\n%s", p.cmd.Args, p.output.String())
	return p.output.String()
}

// run starts a program and waits for it.
func (c *container) run(user uint32, program string, args ...string) string {
	c.t.Helper()
	return c.start(user, program, args...).wait()
}

// unpack writes the image's file system below dir.
func unpack(t testing.TB, img v1.Image, dir string) {
	t.Helper()
	files := mutate.Extract(img)
	defer func() { require.NoError(t, files.Close()) }()
	r := tar.NewReader(files)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		require.NoError(t, err)
		require.Zero(t, h.Uid+h.Gid, "%s is root's", h.Name)
		require.True(t, h.ModTime.Equal(time.Unix(0, 0)), "%s has a date", h.Name)
		target := filepath.Join(dir, h.Name)
		switch h.Typeflag {
		case tar.TypeDir:
			require.NoError(t, os.MkdirAll(target, 0o755))
			require.NoError(t, os.Chmod(target, h.FileInfo().Mode()))
		case tar.TypeSymlink:
			require.NoError(t, os.Symlink(h.Linkname, target))
		case tar.TypeReg:
			content, err := io.ReadAll(r)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(target, content, h.FileInfo().Mode()))
		default:
			require.Failf(t, "unexpected type", "%s: %c", h.Name, h.Typeflag)
		}
	}
}
