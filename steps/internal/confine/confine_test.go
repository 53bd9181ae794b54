package confine

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == Verb {
		fmt.Fprintln(os.Stderr, Main(os.Args[2:]))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// A confined program works in its directory and sees nothing else, as root too.
func TestConfined(t *testing.T) {
	if abi, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION); errno != 0 || abi < 1 {
		t.Skip("this kernel has no Landlock, and programs run unconfined")
	}
	self, err := os.Executable()
	require.NoError(t, err)
	dir, outside := t.TempDir(), t.TempDir()
	secret := filepath.Join(outside, "secret")
	require.NoError(t, os.WriteFile(secret, []byte("hidden"), 0o644))
	require.NoError(t, os.Symlink(outside, filepath.Join(dir, "escape")))
	run := func(program string, args ...string) (string, error) {
		path, err := exec.LookPath(program)
		require.NoError(t, err)
		argv := append(Args(self, dir, path), args...)
		out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
		return string(out), err
	}
	out, err := run("mkdir", filepath.Join(dir, "made"))
	require.NoError(t, err, out)
	out, err = run("cp", "-a", filepath.Join(dir, "made"), filepath.Join(dir, "copied"))
	require.NoError(t, err, out)
	out, err = run("mv", filepath.Join(dir, "made"), filepath.Join(dir, "copied", "moved"))
	require.NoError(t, err, out)

	out, err = run("cat", secret)
	assert.Error(t, err)
	assert.False(t, strings.Contains(out, "hidden"))
	_, err = run("cat", "/etc/passwd")
	assert.Error(t, err)
	_, err = run("mkdir", filepath.Join(dir, "escape", "in"))
	assert.Error(t, err)
	assert.NoDirExists(t, filepath.Join(outside, "in"))
	_, err = run("ls", outside)
	assert.Error(t, err)
}

func TestUsage(t *testing.T) {
	assert.ErrorContains(t, Main(nil), "needed")
	assert.Equal(t, []string{"/me", Verb, "/data", "/usr/bin/rsync"}, Args("/me", "/data", "/usr/bin/rsync"))
}
