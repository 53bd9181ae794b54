package snapshot_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/snapshot"
	"github.com/backube/scribe-gen/steps/internal/step"
	"github.com/backube/scribe-gen/steps/internal/volume"
	"github.com/backube/scribe-gen/steps/internal/volume/directory"
)

const relationship = "wiki-secondary"

// bench is a site with a claim "data", and the binary snapshot.
type bench struct {
	*testing.T
	dir   string
	store *directory.Store
}

func newBench(t *testing.T) *bench {
	dir := t.TempDir()
	store, err := directory.Open(dir, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(store.Layout().Volume("data"), 0o755))
	require.NoError(t, os.WriteFile(store.Layout().Volume("data")+"/file", []byte("x"), 0o644))
	return &bench{T: t, dir: dir, store: store}
}

// run runs the binary as an engine would and returns exit code and outcome.
func (b *bench) run(args ...string) (int, contract.Outcome) {
	b.Helper()
	termination := filepath.Join(b.TempDir(), "termination")
	args = append(args, "--directory="+b.dir, "--termination-file="+termination)
	var stdout, stderr bytes.Buffer
	code := step.Program{Name: contract.ProgramSnapshot, Verbs: snapshot.Verbs()}.Run(b.Context(), args, &stdout, &stderr)
	assert.Empty(b, stdout.String())
	var out contract.Outcome
	if content, err := os.ReadFile(termination); err == nil {
		require.NoError(b, json.Unmarshal(content, &out), "%s", content)
	}
	return code, out
}

func (b *bench) create(run string, args ...string) (int, contract.Outcome) {
	b.Helper()
	return b.run(append([]string{"create", "--relationship=" + relationship, "--run-id=" + run, "--claim=data"}, args...)...)
}

func TestCreateAndCleanup(t *testing.T) {
	b := newBench(t)
	out := filepath.Join(t.TempDir(), "new", "folder")
	code, outcome := b.create("run-1", "--claim-file="+out+"/claim", "--recovery-point-file="+out+"/point")
	require.Equal(t, contract.ExitDone, code, outcome.Reason)
	assert.Equal(t, "scribe-copy-run-1", outcome.Claim)
	assert.Equal(t, "Clone", outcome.Method)
	for file, want := range map[string]string{
		"claim": "scribe-copy-run-1", "point": outcome.RecoveryPoint.Format(time.RFC3339Nano),
	} {
		content, err := os.ReadFile(filepath.Join(out, file))
		require.NoError(t, err)
		assert.Equal(t, want, string(content))
		info, err := os.Stat(filepath.Join(out, file))
		require.NoError(t, err)
		assert.Equal(t, "-rw-r--r--", info.Mode().String())
	}

	// A retry finds it, another run takes its place, cleanup takes all.
	code, again := b.create("run-1")
	require.Equal(t, contract.ExitDone, code)
	assert.Equal(t, outcome.RecoveryPoint, again.RecoveryPoint)
	code, _ = b.create("run-2", "--name=my-copy")
	require.Equal(t, contract.ExitDone, code)
	assert.NoDirExists(t, b.store.Layout().Volume("scribe-copy-run-1"))
	assert.DirExists(t, b.store.Layout().Volume("my-copy"))
	for _, want := range []contract.Result{contract.ResultDone, contract.ResultNothing} {
		code, outcome = b.run("cleanup", "--relationship="+relationship, "--run-id=run-2")
		require.Equal(t, contract.ExitDone, code)
		assert.Equal(t, want, outcome.Outcome)
	}
	entries, err := os.ReadDir(filepath.Join(b.dir, "volumes"))
	require.NoError(t, err)
	assert.Len(t, entries, 1)
}

func TestCreateDirect(t *testing.T) {
	code, outcome := newBench(t).create("run-1", "--method=Direct")
	require.Equal(t, contract.ExitDone, code)
	assert.Equal(t, "data", outcome.Claim)
	assert.Equal(t, "Direct", outcome.Method)
}

func TestCreateFails(t *testing.T) {
	tests := map[string]struct {
		args []string
		code int
		says string
	}{
		"missing claim":  {[]string{"--claim=absent"}, contract.ExitFailed, "volumes/absent is expected"},
		"foreign volume": {[]string{"--name=data"}, contract.ExitRefused, "exists"},
		"method":         {[]string{"--method=Magic"}, contract.ExitUsage, "--method=Magic"},
		"run ID":         {[]string{"--run-id=Run_1"}, contract.ExitUsage, "--run-id"},
		"no claim":       {[]string{"--claim="}, contract.ExitUsage, "--claim is required"},
		"a bad name":     {[]string{"--claim=../x"}, contract.ExitFailed, "slash"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			code, outcome := newBench(t).create("run-1", test.args...)
			assert.Equal(t, test.code, code)
			assert.Contains(t, outcome.Reason, test.says)
		})
	}
}

func (b *bench) cut(n int) string {
	run := fmt.Sprintf("run-%d", n)
	made, err := b.store.Cut(b.Context(), volume.CutRequest{
		Owner: volume.Owner{Relationship: relationship, Run: run}, Claim: "data",
		Name: contract.SnapshotName(relationship, run), RecoveryPoint: time.Date(2026, 3, 1, n, 0, 0, 0, time.UTC),
	})
	require.NoError(b, err)
	return made.Name
}

func (b *bench) prune(args ...string) contract.Outcome {
	b.Helper()
	code, outcome := b.run(append([]string{"prune", "--relationship=" + relationship, "--claim=data"}, args...)...)
	require.Equal(b, contract.ExitDone, code, outcome.Reason)
	return outcome
}

func (b *bench) runs() string {
	all, err := b.store.Snapshots(b.Context(), "data", relationship)
	require.NoError(b, err)
	var runs []string
	for _, s := range all {
		runs = append(runs, s.Run)
	}
	return strings.Join(runs, " ")
}

func TestPrune(t *testing.T) {
	b := newBench(t)
	assert.Equal(t, contract.ResultNothing, b.prune("--last=2").Outcome)
	for n := range 5 {
		b.cut(n)
	}
	assert.Equal(t, contract.ResultNothing, b.prune().Outcome, "no rule, nothing removed")
	outcome := b.prune("--last=2")
	assert.Equal(t, "kept 2 replica snapshots, removed 3", outcome.Reason)
	assert.Equal(t, "run-4 run-3", b.runs())
	assert.Equal(t, contract.ResultNothing, b.prune("--last=2").Outcome)
}

func TestPruneKeepsWhatIsLabelled(t *testing.T) {
	b := newBench(t)
	name := b.cut(1)
	b.cut(2)
	b.cut(3)
	file := b.store.Layout().SnapshotFile("data", name)
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	edited := strings.Replace(string(content), "{", `{"labels": {"`+contract.LabelKeep+`": "true"},`, 1)
	require.NoError(t, os.WriteFile(file, []byte(edited), 0o644))
	b.prune("--last=1")
	assert.Equal(t, "run-3 run-1", b.runs())
}

// What a killed run left goes once a later run has committed, with any rule or none,
// but not while the relationship is promoted.
func TestPruneCollects(t *testing.T) {
	b := newBench(t)
	b.cut(1)
	snapshots := b.store.Layout().Snapshots("data")
	left := filepath.Join(snapshots, ".killed.ABCDEFGHIJ.partial")
	require.NoError(t, os.Mkdir(left, 0o755))
	b.prune("--last=2")
	assert.DirExists(t, left, "no commit yet")

	state := contract.State{Relationship: relationship, Last: &contract.Commit{Run: "run-1"}, Promoted: &contract.Promotion{}}
	require.NoError(t, b.store.Save(t.Context(), state, ""))
	b.prune("--last=2")
	assert.DirExists(t, left, "promoted")

	_, err := volume.Update(t.Context(), b.store, relationship, func(s *contract.State) error {
		s.Promoted = nil
		return nil
	})
	require.NoError(t, err)
	outcome := b.prune()
	assert.Equal(t, contract.ResultDone, outcome.Outcome)
	assert.Contains(t, outcome.Reason, filepath.Base(left))
	assert.NoDirExists(t, left)
	assert.Equal(t, "run-1", b.runs())
	assert.Equal(t, contract.ResultNothing, b.prune().Outcome)
}

func TestPruneWhilePromoted(t *testing.T) {
	b := newBench(t)
	for n := range 3 {
		b.cut(n)
	}
	require.NoError(t, b.store.Save(t.Context(), contract.State{Relationship: relationship, Promoted: &contract.Promotion{}}, ""))
	outcome := b.prune("--last=1")
	assert.Equal(t, contract.ResultNothing, outcome.Outcome)
	assert.Contains(t, outcome.Reason, "promoted")
	assert.Equal(t, "run-2 run-1 run-0", b.runs())
}

// slow is a site whose latest snapshot is ready after a while, or never.
type slow struct {
	*directory.Store
	ready chan struct{}
}

func (s slow) WaitReady(ctx context.Context, _, _ string) error {
	select {
	case <-s.ready:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func TestPruneWaitsForTheLatest(t *testing.T) {
	b := newBench(t)
	for n := range 3 {
		b.cut(n)
	}
	command := &contract.SnapshotPrune{Common: contract.Common{Relationship: relationship}, Claim: "data", Retain: contract.Retain{Last: 1}, Timeout: 10 * time.Millisecond}
	store := slow{b.store, make(chan struct{})}
	log := slog.New(slog.DiscardHandler)
	_, err := snapshot.Prune(t.Context(), store, command, log)
	require.ErrorContains(t, err, "--timeout")
	assert.Equal(t, "run-2 run-1 run-0", b.runs())
	close(store.ready)
	_, err = snapshot.Prune(t.Context(), store, command, log)
	require.NoError(t, err)
	assert.Equal(t, "run-2", b.runs())
}
