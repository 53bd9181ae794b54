// Package test holds the tests that cross packages.
package test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/tree"
	"github.com/backube/scribe-gen/tree/sample"
)

// binaries builds scribe-gen and the steps once for all tests.
var binaries = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "scribe-test-bin-")
	if err != nil {
		return "", err
	}
	for target, packages := range map[string][]string{
		filepath.Join(dir, "scribe-gen"): {"../cmd/scribe-gen"},
		dir + "/steps/":                  {"../steps/snapshot", "../steps/rsync", "../steps/promote"},
	} {
		out, err := exec.Command("go", append([]string{"build", "-o", target}, packages...)...).CombinedOutput()
		if err != nil {
			return dir, errors.New(string(out))
		}
	}
	return dir, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := binaries(); err == nil {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

// host is a directory with a spec and two local sites.
type host struct {
	t        *testing.T
	dir, bin string
	primary  contract.Layout
	backup   contract.Layout
}

const localSpec = `apiVersion: scribe.backube/v1alpha1
kind: Replication
metadata: {name: demo}
spec:
  sites:
    here: {engine: local, directory: ./primary}
    there: {engine: local, directory: ./secondary}
  source: {site: here, persistentVolumeClaim: data}
  destinations: [{site: there, persistentVolumeClaim: data}]
  rsync: {}
  retry: {limit: 1, backoff: 1s}
`

// relationship is the spec's.
const relationship = "demo-there"

func newHost(t *testing.T) *host {
	t.Helper()
	if testing.Short() {
		t.Skip("builds and runs all binaries")
	}
	for _, program := range []string{"rsync", "ssh"} {
		_, err := exec.LookPath(program)
		require.NoError(t, err, "install the Debian packages rsync and openssh-client")
	}
	bin, err := binaries()
	require.NoError(t, err)
	dir := t.TempDir()
	h := &host{
		t: t, dir: dir, bin: bin,
		primary: contract.Layout{Directory: filepath.Join(dir, "primary")},
		backup:  contract.Layout{Directory: filepath.Join(dir, "secondary")},
	}
	h.spec(localSpec)
	return h
}

func (h *host) spec(text string) {
	h.t.Helper()
	require.NoError(h.t, os.WriteFile(filepath.Join(h.dir, "spec.yaml"), []byte(text), 0o644))
}

// command is scribe-gen with the spec.
func (h *host) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(h.bin, "scribe-gen"), append(args, "-f", "spec.yaml")...)
	cmd.Dir = h.dir
	cmd.Env = append(os.Environ(), "TMPDIR="+h.dir)
	return cmd
}

// scribe runs scribe-gen, which must end with the exit code, and returns what it
// printed.
func (h *host) scribe(code int, args ...string) (stdout, stderr string) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), 5*time.Minute)
	defer cancel()
	var out, problems bytes.Buffer
	cmd := h.command(ctx, args...)
	cmd.Stdout, cmd.Stderr = &out, &problems
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) {
		require.NoError(h.t, err)
	}
	require.Equal(h.t, code, cmd.ProcessState.ExitCode(), "scribe-gen %v\n%s%s", args, out.String(), problems.String())
	return out.String(), problems.String()
}

// identical fails the test when the trees differ.
func (h *host) identical(a, b string) {
	h.t.Helper()
	report, err := tree.Compare(a, b, tree.Options{NoOwners: os.Geteuid() != 0})
	require.NoError(h.t, err)
	assert.True(h.t, report.Equal(), "%s", report)
}

// snapshots are the names of the replica snapshots.
func (h *host) snapshots() []string {
	h.t.Helper()
	entries, err := os.ReadDir(h.backup.Snapshots("data"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	require.NoError(h.t, err)
	var names []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") {
			names = append(names, e.Name())
		}
	}
	return names
}

// clean fails the test when anything temporary is left, or a process runs that
// has to do with the test's directory.
func (h *host) clean() {
	h.t.Helper()
	volumes, err := os.ReadDir(filepath.Join(h.primary.Directory, "volumes"))
	require.NoError(h.t, err)
	for _, v := range volumes {
		assert.Equal(h.t, "data", v.Name(), "left at the source")
	}
	partial, err := filepath.Glob(filepath.Join(h.backup.Snapshots("data"), ".*.partial*"))
	require.NoError(h.t, err)
	assert.Empty(h.t, partial, "half-published")
	leftovers, err := filepath.Glob(filepath.Join(h.dir, "scribe-run-*"))
	require.NoError(h.t, err)
	assert.Empty(h.t, leftovers)
	h.idle()
}

// idle fails the test when a process of the test's directory is still alive.
func (h *host) idle() {
	h.t.Helper()
	assert.Eventually(h.t, func() bool { return len(h.processes()) == 0 }, 10*time.Second, 50*time.Millisecond, "processes are left")
}

// processes are those that have the test's directory in their command line.
func (h *host) processes() []int {
	var found []int
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		line, err := os.ReadFile(file)
		if pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil && pid != os.Getpid() && bytes.Contains(line, []byte(h.dir)) {
			found = append(found, pid)
		}
	}
	return found
}

// summary is what `run -o json` prints.
type summary struct {
	Runs []struct {
		Run, Result, Code, Snapshot string
		Files, Entries, Bytes, Wire int64
		Verified                    struct{ Identical bool }
	}
}

func (h *host) run(code int, args ...string) summary {
	h.t.Helper()
	out, _ := h.scribe(code, append([]string{"run", "-o", "json"}, args...)...)
	var s summary
	require.NoError(h.t, json.Unmarshal([]byte(out), &s), "%s", out)
	return s
}

func TestLocalFromFirstRunToPromotion(t *testing.T) {
	h := newHost(t)
	source := h.primary.Volume("data")
	require.NoError(t, sample.Volume(source, 400, 1))
	require.NoError(t, sample.Torture(filepath.Join(source, "kinds"), sample.Options{MaxPath: 3000, NoHuge: true}))

	first := h.run(0, "--verify").Runs[0]
	assert.True(t, first.Verified.Identical)
	h.identical(source, h.backup.Snapshot("data", first.Snapshot))
	h.clean()

	_, err := sample.Mutate(source, 60, sample.NewRand(2))
	require.NoError(t, err)
	second := h.run(0, "--verify").Runs[0]
	assert.NotEqual(t, first.Snapshot, second.Snapshot)
	assert.Less(t, second.Wire, first.Wire/2, "only the changes travel")
	h.identical(source, h.backup.Snapshot("data", second.Snapshot))
	assert.Len(t, h.snapshots(), 2)
	h.clean()

	status, _ := h.scribe(0, "status")
	assert.Contains(t, status, "active")
	assert.Contains(t, status, second.Run)

	h.scribe(0, "promote", "--at", first.Snapshot, "--claim", "restored")
	h.identical(h.backup.Snapshot("data", first.Snapshot), h.backup.Volume("restored"))
	refused := h.run(contract.ExitRefused).Runs[0]
	assert.Equal(t, "refused", refused.Result)
	assert.Equal(t, string(contract.RefusedPromoted), refused.Code)
	assert.Len(t, h.snapshots(), 2, "nothing was published")
	h.clean()

	h.scribe(0, "promote", "--resume")
	h.run(0, "--verify")
	assert.Len(t, h.snapshots(), 3)
}

func TestLocalRepeatedRun(t *testing.T) {
	h := newHost(t)
	require.NoError(t, sample.Volume(h.primary.Volume("data"), 20, 1))
	h.run(0, "--run-id", "once")
	h.run(0, "--run-id", "once")
	assert.Equal(t, []string{contract.SnapshotName(relationship, "once")}, h.snapshots())
	h.clean()
}

func TestLocalWithinOneSite(t *testing.T) {
	h := newHost(t)
	h.spec(strings.NewReplacer(
		"    there: {engine: local, directory: ./secondary}\n", "",
		"{site: there, persistentVolumeClaim: data}", "{site: here, persistentVolumeClaim: replica}").Replace(localSpec))
	require.NoError(t, sample.Volume(h.primary.Volume("data"), 50, 1))
	run := h.run(0, "--verify").Runs[0]
	assert.True(t, run.Verified.Identical)
	h.identical(h.primary.Volume("data"), h.primary.Snapshot("replica", run.Snapshot))
	h.idle()
}

func TestLocalFilters(t *testing.T) {
	h := newHost(t)
	h.spec(localSpec + "  filters: {exclude: [\"*.tmp\", \"cache/\"]}\n")
	source := h.primary.Volume("data")
	require.NoError(t, os.MkdirAll(filepath.Join(source, "cache"), 0o755))
	for _, name := range []string{"kept", "left.tmp", "cache/left"} {
		require.NoError(t, os.WriteFile(filepath.Join(source, name), []byte(name), 0o644))
	}
	run := h.run(0, "--verify").Runs[0]
	assert.True(t, run.Verified.Identical)
	names, err := os.ReadDir(h.backup.Snapshot("data", run.Snapshot))
	require.NoError(t, err)
	require.Len(t, names, 1)
	assert.Equal(t, "kept", names[0].Name())
}

func TestLocalSitesApart(t *testing.T) {
	h := newHost(t)
	h.spec(strings.Replace(localSpec, "rsync: {}", "rsync: {service: {port: 22922}}", 1))
	require.NoError(t, sample.Volume(h.primary.Volume("data"), 50, 1))
	_, problems := h.scribe(1, "connect")
	assert.Contains(t, problems, "`scribe-gen keys` makes them")
	keys, _ := h.scribe(0, "keys")
	assert.Equal(t, 2, strings.Count(keys, "SHA256:"), keys)
	h.scribe(0, "connect")

	destination := h.command(t.Context(), "run", "--site", "there")
	var out bytes.Buffer
	destination.Stdout, destination.Stderr = &out, &out
	require.NoError(t, destination.Start())
	source := h.run(0, "--site", "here").Runs[0]
	require.NoError(t, destination.Wait(), "%s", &out)
	h.identical(h.primary.Volume("data"), h.backup.Snapshot("data", source.Snapshot))
	h.clean()
}

func TestLocalKeyRotation(t *testing.T) {
	h := newHost(t)
	require.NoError(t, sample.Volume(h.primary.Volume("data"), 10, 1))
	h.run(0)
	before, _ := h.scribe(0, "keys")
	after, _ := h.scribe(0, "keys", "--rotate")
	assert.NotEqual(t, before, after)
	h.run(0, "--verify")
	h.run(0, "--verify")
}

func TestLocalGuards(t *testing.T) {
	h := newHost(t)
	source := h.primary.Volume("data")
	_, problems := h.scribe(1, "run")
	assert.Contains(t, problems, source)
	require.NoError(t, sample.Volume(source, 50, 1))
	first := h.run(0).Runs[0]
	require.NoError(t, os.RemoveAll(source))
	require.NoError(t, os.MkdirAll(source, 0o755))
	empty := h.run(contract.ExitRefused).Runs[0]
	assert.Equal(t, string(contract.RefusedEmptySource), empty.Code)
	assert.Equal(t, []string{first.Snapshot}, h.snapshots(), "the last replica snapshot is untouched")
	h.clean()
}

// TestLocalKilledAtOnce interrupts a run twice.
func TestLocalKilledAtOnce(t *testing.T) {
	h := newHost(t)
	h.spec(strings.Replace(localSpec, "rsync: {}", "rsync: {bandwidthLimit: 1Mi}", 1))
	require.NoError(t, sample.Volume(h.primary.Volume("data"), 500, 3))
	cmd := h.command(t.Context(), "run", "--quiet")
	require.NoError(t, cmd.Start())
	time.Sleep(1500 * time.Millisecond)
	for range 2 {
		require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
		time.Sleep(20 * time.Millisecond)
	}
	began := time.Now()
	assert.Error(t, cmd.Wait())
	assert.Less(t, time.Since(began), 5*time.Second)
	h.idle()
	assert.Empty(t, h.snapshots())
	h.spec(localSpec)
	h.run(0, "--verify")
	h.clean()
}

// TestLocalInterrupted stops runs at several moments with Ctrl-C, and kills one
// outright.
func TestLocalInterrupted(t *testing.T) {
	h := newHost(t)
	// So slow that every moment below is within the run.
	h.spec(strings.Replace(localSpec, "rsync: {}", "rsync: {bandwidthLimit: 4Mi}", 1))
	require.NoError(t, sample.Volume(h.primary.Volume("data"), 1500, 3))
	for _, test := range []struct {
		signal syscall.Signal
		after  time.Duration
	}{
		{syscall.SIGINT, 50 * time.Millisecond},
		{syscall.SIGINT, 400 * time.Millisecond},
		{syscall.SIGTERM, 1200 * time.Millisecond},
		{syscall.SIGINT, 2500 * time.Millisecond},
	} {
		cmd := h.command(t.Context(), "run")
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		require.NoError(t, cmd.Start())
		time.Sleep(test.after)
		require.NoError(t, cmd.Process.Signal(test.signal))
		assert.Error(t, cmd.Wait(), "after %s\n%s", test.after, &out)
		assert.Empty(t, h.snapshots(), "nothing is published after %s", test.after)
		h.clean()
	}
	cmd := h.command(t.Context(), "run")
	require.NoError(t, cmd.Start())
	time.Sleep(1500 * time.Millisecond)
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
	h.idle()

	h.spec(localSpec)
	assert.True(t, h.run(0, "--verify").Runs[0].Verified.Identical)
	assert.Len(t, h.snapshots(), 1)
	leftovers, err := os.ReadDir(filepath.Join(h.primary.Directory, "volumes"))
	require.NoError(t, err)
	assert.Len(t, leftovers, 1, "the next run removes what the killed one left")
}
