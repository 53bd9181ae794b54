package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/volume"
	"github.com/backube/scribe-gen/steps/internal/volume/directory"
)

// The test binary is the step binary, too.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == "push" || os.Args[1] == "pull") {
		os.Exit(run())
	}
	os.Exit(m.Run())
}

const replication = "wiki"

// process is a step under way.
type process struct {
	t       testing.TB
	cmd     *exec.Cmd
	log     buffer
	outcome string
	ended   chan struct{}
}

// start starts the step binary with the arguments; change may alter the command.
func start(t testing.TB, args []string, change ...func(*exec.Cmd)) *process {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	p := &process{t: t, outcome: filepath.Join(t.TempDir(), "outcome.json"), ended: make(chan struct{})}
	p.cmd = exec.Command(self, append(slices.Clone(args), "--termination-file="+p.outcome)...)
	p.cmd.Stderr, p.cmd.Stdout = &p.log, &p.log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.WaitDelay = 10 * time.Second
	for _, c := range change {
		c(p.cmd)
	}
	require.NoError(t, p.cmd.Start())
	go func() { _ = p.cmd.Wait(); close(p.ended) }()
	t.Cleanup(p.kill)
	return p
}

// buffer may be read while a process writes to it.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// kill ends the process as the kernel's OOM killer would.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// wait returns the exit code and the outcome.
func (p *process) wait() (int, contract.Outcome) {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(2 * time.Minute):
		p.kill()
		require.Fail(p.t, "a step did not end", p.log.String())
	}
	var out contract.Outcome
	if b, err := os.ReadFile(p.outcome); err == nil && len(b) > 0 {
		require.NoError(p.t, json.Unmarshal(b, &out))
	}
	return p.cmd.ProcessState.ExitCode(), out
}

// done requires the step to succeed and returns its outcome.
func (p *process) done() contract.Outcome {
	p.t.Helper()
	code, out := p.wait()
	require.Equal(p.t, contract.ExitDone, code, "%s\n%s", out.Reason, p.log.String())
	return out
}

// refused requires the step to be refused for that reason, and returns its outcome.
func (p *process) refused(why contract.Refusal) contract.Outcome {
	p.t.Helper()
	code, out := p.wait()
	require.Equal(p.t, contract.ExitRefused, code, "%s\n%s", out.Reason, p.log.String())
	require.Equal(p.t, why, out.Code, out.Reason)
	return out
}

// source is a volume and the site it is at, and the object store it is pushed to.
type source struct {
	t      testing.TB
	root   string
	site   contract.Layout
	states *directory.Store
	remote string
	config string // directory of the rclone.conf
	ca     string // file with the certificate of the store
	index  string
}

// newSource makes an empty source; its generations go to remote, which config, the
// text of an rclone.conf, explains.
func newSource(t testing.TB, remote, config string) *source {
	t.Helper()
	dir := t.TempDir()
	s := &source{
		t: t, root: filepath.Join(dir, "source"), site: contract.Layout{Directory: filepath.Join(dir, "site")},
		remote: remote, config: filepath.Join(dir, "config"), index: filepath.Join(dir, "index"),
	}
	for _, d := range []string{s.root, s.site.Directory, s.config, s.index} {
		require.NoError(t, os.MkdirAll(d, 0o755))
	}
	s.setting(contract.KeyRcloneConfig, config)
	var err error
	s.states, err = directory.Open(s.site.Directory, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	return s
}

// localSource is a source whose generations go to a directory, which it returns.
func localSource(t testing.TB) (*source, string) {
	t.Helper()
	store := t.TempDir()
	return newSource(t, "archive:"+store, "[archive]\ntype = local\n"), store
}

// setting writes a key of the configuration.
func (s *source) setting(key, value string) {
	s.t.Helper()
	require.NoError(s.t, os.WriteFile(filepath.Join(s.config, key), []byte(value), 0o600))
}

// push starts to push a run.
func (s *source) push(run string, at time.Time, extra ...string) *process {
	s.t.Helper()
	return start(s.t, append(contract.Args(&contract.RclonePush{
		Common:      contract.Common{Replication: replication, Relationship: replication, Run: run},
		Site:        contract.Site{Directory: s.site.Directory},
		Guard:       contract.Guard{MaxDelete: "50%"},
		ObjectStore: contract.ObjectStore{Remote: s.remote, Config: s.config, CA: s.ca},
		Retain:      contract.Retain{Last: 3},
		Root:        s.root, RecoveryPoint: at.UTC().Format(time.RFC3339Nano), Index: s.index,
	}), extra...))
}

// publish pushes a run and requires it to succeed.
func (s *source) publish(run string, extra ...string) contract.Outcome {
	s.t.Helper()
	return s.push(run, time.Now(), extra...).done()
}

// write makes files of the source.
func (s *source) write(files map[string]string) {
	s.t.Helper()
	for name, content := range files {
		path := filepath.Join(s.root, name)
		require.NoError(s.t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(s.t, os.WriteFile(path, []byte(content), 0o644))
	}
}

func runID(n int) string { return fmt.Sprintf("run-%d", n) }

// update changes the state of the relationship.
func (s *source) update(change func(*contract.State)) {
	s.t.Helper()
	_, err := volume.Update(s.t.Context(), s.states, replication, func(state *contract.State) error {
		change(state)
		return nil
	})
	require.NoError(s.t, err)
}

// noise is incompressible content, the same for the same seed.
func noise(seed, size int) []byte {
	content := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16)}).Read(content)
	return content
}
