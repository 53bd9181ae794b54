package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/confine"
	"github.com/backube/scribe-gen/steps/internal/program"
	"github.com/backube/scribe-gen/steps/internal/push"
	"github.com/backube/scribe-gen/steps/internal/rsyncstep"
	"github.com/backube/scribe-gen/steps/internal/step"
	"github.com/backube/scribe-gen/steps/internal/volume/directory"
	"github.com/backube/scribe-gen/tree"
)

// The test binary is the step binary, too: it is what a push starts as its
// remote shell and a listener as its confined receiver.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "keys", "push", "copy", push.RemoteShellVerb, confine.Verb:
			os.Exit(program.Rsync())
		case "listen":
			os.Exit(step.Program{Name: contract.ProgramRsync, Verbs: []step.Verb{rsyncstep.Listen(openFaulty)}}.Main())
		}
	}
	os.Exit(m.Run())
}

const (
	relationship = "wiki-dr"
	claim        = "replica"
)

// sites is a source directory and a destination site, with keys.
type sites struct {
	t      testing.TB
	source string
	dest   contract.Layout
	store  *directory.Store
	port   int
	// credential runs the listener as another user, self is a binary they can run.
	credential *syscall.Credential
	self       string
	// always are further arguments of every push and copy.
	always []string
}

func newSites(t testing.TB) *sites {
	t.Helper()
	_, err := exec.LookPath("rsync")
	require.NoError(t, err, "this test needs rsync: apt-get install rsync")
	dir := t.TempDir()
	s := &sites{t: t, source: filepath.Join(dir, "source"), dest: contract.Layout{Directory: filepath.Join(dir, "dest")}, port: freePort(t)}
	require.NoError(t, os.MkdirAll(s.source, 0o755))
	require.NoError(t, os.MkdirAll(s.replica(), 0o755))
	s.store, err = directory.Open(s.dest.Directory, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	s.keys()
	return s
}

// bothWays runs a test with and without an index at the source.
func bothWays(t *testing.T, test func(t *testing.T, s *sites)) {
	t.Run("without index", func(t *testing.T) { test(t, newSites(t)) })
	t.Run("with index", func(t *testing.T) {
		s := newSites(t)
		s.index()
		test(t, s)
	})
}

// index makes every push and copy use an index, and returns where it is.
func (s *sites) index() string {
	dir := filepath.Join(filepath.Dir(s.source), "index")
	s.always = []string{"--index=" + dir}
	return dir
}

func freePort(t testing.TB) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

func (s *sites) replica() string { return s.dest.Volume(claim) }

func (s *sites) keys(extra ...string) contract.Outcome {
	s.t.Helper()
	code, out := s.step(contract.Args(&contract.RsyncKeys{
		Common: contract.Common{Relationship: relationship}, Site: contract.Site{Directory: s.dest.Directory},
		Address: "127.0.0.1", Port: s.port,
	}), extra...).wait()
	require.Equal(s.t, contract.ExitDone, code, out.Reason)
	return out
}

// process is a step under way.
type process struct {
	t       testing.TB
	cmd     *exec.Cmd
	log     buffer
	outcome string
	ended   chan struct{}
}

// step starts a step binary with the arguments.
func (s *sites) step(args []string, extra ...string) *process {
	s.t.Helper()
	self, err := os.Executable()
	require.NoError(s.t, err)
	if s.self != "" {
		self = s.self
	}
	dir := s.t.TempDir()
	p := &process{t: s.t, outcome: filepath.Join(dir, "outcome.json"), ended: make(chan struct{})}
	p.cmd = exec.Command(self, slices.Concat(args, extra, []string{"--termination-file=" + p.outcome})...)
	p.cmd.Stderr = &p.log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.WaitDelay = 10 * time.Second
	if s.credential != nil && args[0] == "listen" {
		require.NoError(s.t, os.Chmod(dir, 0o777))
		p.cmd.SysProcAttr.Credential = s.credential
	}
	require.NoError(s.t, p.cmd.Start())
	go func() { _ = p.cmd.Wait(); close(p.ended) }()
	s.t.Cleanup(p.kill)
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

// kill ends the process alone, as the kernel's OOM killer would.
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
	b, err := os.ReadFile(p.outcome)
	if err == nil && len(b) > 0 {
		require.NoError(p.t, json.Unmarshal(b, &out))
	}
	return p.cmd.ProcessState.ExitCode(), out
}

func (s *sites) listen(extra ...string) *process {
	return s.step(contract.Args(&contract.RsyncListen{
		Common:  contract.Common{Relationship: relationship},
		Site:    contract.Site{Directory: s.dest.Directory},
		Replica: contract.Replica{Claim: claim, Root: s.replica()},
		Keys:    s.dest.Secret(contract.ListenerSecret(relationship)),
		Listen:  "127.0.0.1:" + strconv.Itoa(s.port), Window: time.Minute, Grace: 300 * time.Millisecond,
	}), extra...)
}

func (s *sites) push(run string, at time.Time, extra ...string) *process {
	return s.step(contract.Args(&contract.RsyncPush{
		Common: contract.Common{Relationship: relationship, Run: run},
		Guard:  contract.Guard{MaxDelete: "50%"},
		Root:   s.source, RecoveryPoint: at.UTC().Format(time.RFC3339Nano),
		Keys:           s.dest.Secret(contract.PushSecret(relationship)),
		ConnectTimeout: 30 * time.Second,
	}), slices.Concat(s.always, extra)...)
}

// sync pushes a run to a listener and requires both to succeed.
func (s *sites) sync(run string) contract.Outcome {
	s.t.Helper()
	listener, push := s.listen(), s.push(run, time.Now())
	code, out := push.wait()
	require.Equal(s.t, contract.ExitDone, code, "push: %s\n%s\nlisten:\n%s", out.Reason, push.log.String(), listener.log.String())
	code, heard := listener.wait()
	require.Equal(s.t, contract.ExitDone, code, "listen: %s", listener.log.String())
	require.Equal(s.t, out.Snapshot, heard.Snapshot)
	return out
}

// requireReplica compares the source with the replica and with the snapshot.
func (s *sites) requireReplica(snapshot string, opts tree.Options) {
	s.t.Helper()
	opts.NoLostFound = true
	for _, root := range []string{s.replica(), s.dest.Snapshot(claim, snapshot)} {
		report, err := tree.Compare(s.source, root, opts)
		require.NoError(s.t, err)
		require.True(s.t, report.Equal(), "%s differs: %s", root, report)
	}
}

// snapshots are the names of the replica snapshots.
func (s *sites) snapshots() []string {
	s.t.Helper()
	list, err := s.store.Snapshots(context.Background(), claim, relationship)
	require.NoError(s.t, err)
	names := make([]string, len(list))
	for i, snapshot := range list {
		names[i] = snapshot.Name
	}
	return names
}

// write makes files of the source.
func (s *sites) write(files map[string]string) {
	s.t.Helper()
	for name, content := range files {
		path := filepath.Join(s.source, name)
		require.NoError(s.t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(s.t, os.WriteFile(path, []byte(content), 0o644))
	}
}

func runID(n int) string { return fmt.Sprintf("run-%d", n) }
