package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// need fails the test when a program is missing.
func need(t *testing.T, programs map[string]string) {
	t.Helper()
	if testing.Short() {
		t.Skip("moves data between processes")
	}
	for program, pkg := range programs {
		_, err := exec.LookPath(program)
		require.NoError(t, err, "install the package %s: apt-get install %s", pkg, pkg)
	}
}

// shared leaves the tests in the network namespace that they are in.
func shared() bool { return false }

var openSSH = map[string]string{
	"rsync": "rsync", "ssh": "openssh-client", "ssh-keygen": "openssh-client", "/usr/sbin/sshd": "openssh-server",
}

// left lists what the bench left in the directories that it uses.
func left(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "scribe-bench-*"))
	require.NoError(t, err)
	return files
}

func TestPeers(t *testing.T) {
	need(t, openSSH)
	dir := t.TempDir()
	begin, end := "<!-- bench:begin -->", "<!-- bench:end -->"
	readme := filepath.Join(t.TempDir(), "README.md")
	require.NoError(t, os.WriteFile(readme, []byte("# X\n"+begin+"\n"+end+"\n"), 0o644))
	var stdout, stderr bytes.Buffer
	err := run(t.Context(), []string{"-n=1", "--scale=0.001", "--contenders=volsync,pv-migrate",
		"--dir=" + dir, "-o=markdown", "--update=" + readme, "--timeout=2m"}, shared, &stdout, &stderr)
	require.NoError(t, err, stderr.String())

	assert.Empty(t, left(t, dir))
	text := stdout.String()
	assert.Equal(t, 6, strings.Count(text, "| wall time |"), text)
	assert.NotContains(t, text, "–", "every cell has a number")
	assert.Contains(t, text, "n = 1")
	updated, err := os.ReadFile(readme)
	require.NoError(t, err)
	assert.Contains(t, string(updated), strings.TrimSpace(text))
}

func TestInterruptLeavesNothing(t *testing.T) {
	need(t, openSSH)
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	watch := &cancelAfter{text: "1/1 VolSync", cancel: cancel}
	err := run(ctx, []string{"-n=1", "--scale=0.01", "--contenders=volsync,pv-migrate", "--workloads=big-far", "--dir=" + dir}, shared, &bytes.Buffer{}, watch)
	assert.ErrorContains(t, err, "interrupted")
	assert.Empty(t, left(t, dir))
}

// cancelAfter cancels shortly after a text was written.
type cancelAfter struct {
	text   string
	cancel context.CancelFunc
}

func (c *cancelAfter) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte(c.text)) {
		time.AfterFunc(200*time.Millisecond, c.cancel)
	}
	return len(b), nil
}

func TestWrongUsage(t *testing.T) {
	for args, problem := range map[string]string{
		"-n=0":                "must be at least 1",
		"--suite=nfs":         "must be ssh or s3",
		"--scale=2":           "above 0 and at most 1",
		"--scale=NaN":         "above 0 and at most 1",
		"-o=yaml":             "must be text or markdown",
		"--workloads=huge":    `there is no workload "huge"; there are big, small`,
		"--contenders=tar":    `there is no contender "tar"; there are volsync`,
		"--timeout=-1s":       "must be above 0",
		"extra":               `unexpected argument "extra"`,
		"--update=/no/README": "no such file",
	} {
		t.Run(args, func(t *testing.T) {
			var stderr bytes.Buffer
			err := run(t.Context(), []string{args}, shared, &bytes.Buffer{}, &stderr)
			require.ErrorContains(t, err, problem)
			assert.Equal(t, !strings.Contains(args, "update"), errors.As(err, new(usageError)))
		})
	}
}

func TestWorkloadsFitTwelveGiB(t *testing.T) {
	for _, w := range workloads() {
		assert.LessOrEqual(t, w.room(), int64(12<<30), w.name)
	}
}

func TestPickKeepsOrder(t *testing.T) {
	chosen, err := pickWorkloads("delta, big", 0.5)
	require.NoError(t, err)
	require.Len(t, chosen, 2)
	assert.Equal(t, "big", chosen[0].name)
	assert.Equal(t, "2 GiB in 8 files, first copy (scale 0.5)", chosen[0].title)
	assert.EqualValues(t, 128<<20, chosen[0].tree.Size)
}

func TestCheckRoom(t *testing.T) {
	assert.NoError(t, checkRoom(t.TempDir(), 1))
	assert.ErrorContains(t, checkRoom(t.TempDir(), 1<<60), "give another --dir")
	assert.Error(t, checkRoom("/no/such/directory", 1))
}

func TestScribe(t *testing.T) {
	need(t, openSSH)
	steps, dir := t.TempDir(), t.TempDir()
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", steps, "../../steps/rsync").CombinedOutput()
	require.NoError(t, err, string(out))
	var stdout, stderr bytes.Buffer
	err = run(t.Context(), []string{"-n=2", "--scale=0.001", "--contenders=pv-migrate,scribe", "--workloads=small,delta,big-far,flat-10k",
		"--steps=" + steps, "--dir=" + dir, "--timeout=2m"}, shared, &stdout, &stderr)
	require.NoError(t, err, stderr.String())

	assert.Empty(t, left(t, dir))
	text := stdout.String()
	assert.Contains(t, text, "scribe / pv-migrate")
	assert.Contains(t, text, "listen")
	assert.Contains(t, text, "n = 2")
	assert.NotContains(t, text, "–", "every cell has a number")
	assert.NotContains(t, text, " 0 B", "nothing uses no memory and sends nothing")
}

func TestScribeWithoutSteps(t *testing.T) {
	need(t, openSSH)
	dir := t.TempDir()
	err := run(t.Context(), []string{"--contenders=scribe", "--steps=/no/such", "--dir=" + dir}, shared, &bytes.Buffer{}, &bytes.Buffer{})
	assert.ErrorContains(t, err, "build it first or give --steps")
	assert.Empty(t, left(t, dir))
}
