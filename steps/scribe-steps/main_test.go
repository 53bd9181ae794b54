package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/steps/contract"
)

// TestMain makes the test binary the step binary, too, whenever its arguments are
// not those of a test: under a link's name, and as what a push or a listener starts.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-test.") {
		os.Exit(run())
	}
	os.Exit(m.Run())
}

// links is a directory with links to this binary.
type links struct {
	t   *testing.T
	dir string
}

func newLinks(t *testing.T, names ...string) links {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	l := links{t: t, dir: t.TempDir()}
	for _, name := range names {
		require.NoError(t, os.Symlink(self, filepath.Join(l.dir, name)))
	}
	return l
}

// command is a program, started by its link's path.
func (l links) command(name string, args ...string) (*exec.Cmd, *bytes.Buffer) {
	var output bytes.Buffer
	cmd := exec.CommandContext(l.t.Context(), filepath.Join(l.dir, name), args...)
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &output, &output, 5*time.Second
	return cmd, &output
}

// step starts a step and returns how to wait for its success.
func (l links) step(c contract.Command) (wait func()) {
	l.t.Helper()
	cmd, output := l.command(c.Program(), contract.Args(c)...)
	require.NoError(l.t, cmd.Start())
	return func() {
		l.t.Helper()
		require.NoError(l.t, cmd.Wait(), output.String())
	}
}

// Each program of the contract answers under its own name, with its own verbs, but
// rclone, which is a binary of its own.
func TestEveryProgram(t *testing.T) {
	commands := slices.DeleteFunc(contract.Commands(), func(c contract.Command) bool { return c.Program() == contract.ProgramRclone })
	for _, c := range commands {
		l := newLinks(t, c.Program())
		args := []string{"--help"}
		if c.Verb() != "" {
			args = []string{c.Verb(), "--help"}
		}
		cmd, output := l.command(c.Program(), args...)
		require.NoError(t, cmd.Run(), output.String())
		assert.Contains(t, output.String(), strings.TrimSpace(c.Program()+" "+c.Verb())+" [flags]")
	}
	var want []string
	for _, c := range commands {
		want = append(want, c.Program())
	}
	for name := range programs() {
		assert.Contains(t, want, name, "not in the contract")
	}
}

func TestUnknownName(t *testing.T) {
	cmd, output := newLinks(t, "other").command("other", "listen")
	assert.Error(t, cmd.Run())
	assert.Equal(t, contract.ExitUsage, cmd.ProcessState.ExitCode())
	assert.Contains(t, output.String(), `"other" is no step program`)
	assert.Contains(t, output.String(), "promote, rsync, snapshot, tekton")

	cmd, output = newLinks(t, "other").command("other", "--help")
	assert.NoError(t, cmd.Run())
	assert.Contains(t, output.String(), "Programs: promote, rsync, snapshot, tekton")

	var errs bytes.Buffer
	assert.Equal(t, contract.ExitUsage, usage([]string{"/x/scribe-steps"}, nil, &errs), "without arguments")
	assert.Contains(t, errs.String(), `"scribe-steps" is no`)
}

// A whole run works through the links. It starts this binary as the remote shell
// and as the confined receiver, by the path that the links lead to.
func TestReplicationThroughLinks(t *testing.T) {
	if testing.Short() {
		t.Skip("needs rsync")
	}
	_, err := exec.LookPath("rsync")
	require.NoError(t, err, "this test needs rsync: apt-get install rsync")
	l := newLinks(t, contract.ProgramRsync)
	// The program's name is on PATH twice, as a link to this binary and as rsync.
	t.Setenv("PATH", l.dir+":"+os.Getenv("PATH"))
	dir, port := t.TempDir(), freePort(t)
	source, at := filepath.Join(dir, "source"), contract.Layout{Directory: filepath.Join(dir, "site")}
	require.NoError(t, os.MkdirAll(source, 0o755))
	require.NoError(t, os.MkdirAll(at.Volume("replica"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(source, "file"), []byte("text"), 0o644))

	site, relationship := contract.Site{Directory: at.Directory}, "wiki-dr"
	common := contract.Common{Relationship: relationship, Run: "run-1"}
	l.step(&contract.RsyncKeys{Common: common, Site: site, Address: "127.0.0.1", Port: port})()
	received := l.step(&contract.RsyncListen{
		Common: contract.Common{Relationship: relationship}, Site: site,
		Replica: contract.Replica{Claim: "replica", Root: at.Volume("replica")},
		Keys:    at.Secret(contract.ListenerSecret(relationship)),
		Listen:  fmt.Sprintf("127.0.0.1:%d", port), Window: time.Minute, Grace: 100 * time.Millisecond,
	})
	sent := l.step(&contract.RsyncPush{
		Common: common, Root: source, Keys: at.Secret(contract.PushSecret(relationship)),
		RecoveryPoint: time.Now().UTC().Format(time.RFC3339Nano), ConnectTimeout: 30 * time.Second,
	})
	sent()
	received()
	content, err := os.ReadFile(filepath.Join(at.Volume("replica"), "file"))
	require.NoError(t, err)
	assert.Equal(t, "text", string(content))
	committed, err := filepath.Glob(at.Snapshot("replica", "scribe-*/file"))
	require.NoError(t, err)
	assert.Len(t, committed, 1)
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}
