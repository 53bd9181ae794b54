package rclonepull_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/objectstore"
	"github.com/backube/scribe-gen/steps/internal/rclonepull"
	"github.com/backube/scribe-gen/steps/internal/step"
	"github.com/backube/scribe-gen/steps/internal/volume/directory"
	"github.com/backube/scribe-gen/tree"
	"github.com/backube/scribe-gen/tree/treetest"
)

const (
	relationship = "wiki-edge"
	claim        = "replica"
)

// edge is a source with its publisher, an object store in a directory, and a
// destination site.
type edge struct {
	*publisher
	t      testing.TB
	bucket string // where the object store is
	config string
	site   contract.Layout
	sites  *directory.Store
	runs   int
}

func newEdge(t testing.TB) *edge {
	t.Helper()
	dir := t.TempDir()
	e := &edge{
		t: t, bucket: filepath.Join(dir, "bucket"), config: filepath.Join(dir, "config"),
		site: contract.Layout{Directory: filepath.Join(dir, "site")},
	}
	source := filepath.Join(dir, "source")
	for _, d := range []string{e.bucket, e.config, e.replica(), source} {
		require.NoError(t, os.MkdirAll(d, 0o755))
	}
	require.NoError(t, os.WriteFile(filepath.Join(e.config, contract.KeyRcloneConfig), []byte("[archive]\ntype = local\n"), 0o600))
	store, err := objectstore.Open(t.Context(), objectstore.Config{Remote: e.remote(), ConfigDir: e.config})
	require.NoError(t, err)
	e.publisher = &publisher{t: t, root: source, store: store}
	e.sites, err = directory.Open(e.site.Directory, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	return e
}

func (e *edge) remote() string  { return "archive:" + e.bucket }
func (e *edge) replica() string { return e.site.Volume(claim) }

// pull runs the step with a run ID of its own.
func (e *edge) pull(extra ...string) (int, contract.Outcome) {
	e.t.Helper()
	e.runs++
	return e.pullRun(fmt.Sprintf("pull-%d", e.runs), extra...)
}

func (e *edge) pullRun(run string, extra ...string) (int, contract.Outcome) {
	e.t.Helper()
	outcome := filepath.Join(e.t.TempDir(), "outcome.json")
	args := append(contract.Args(&contract.RclonePull{
		Common:      contract.Common{Replication: replication, Relationship: relationship, Run: run, TerminationFile: outcome},
		Site:        contract.Site{Directory: e.site.Directory},
		ObjectStore: contract.ObjectStore{Remote: e.remote(), Config: e.config},
		Replica:     contract.Replica{Claim: claim, Root: e.replica()},
	}), extra...)
	var log bytes.Buffer
	program := step.Program{Name: contract.ProgramRclone, Verbs: []step.Verb{rclonepull.Verb()}}
	code := program.Run(e.t.Context(), args, &log, &log)
	if e.t.Failed() || testing.Verbose() {
		e.t.Logf("pull %s: exit %d\n%s", run, code, log.String())
	}
	var out contract.Outcome
	if b, err := os.ReadFile(outcome); err == nil {
		require.NoError(e.t, json.Unmarshal(b, &out))
	}
	return code, out
}

// done requires a pull to succeed.
func (e *edge) done(extra ...string) contract.Outcome {
	e.t.Helper()
	code, out := e.pull(extra...)
	require.Equal(e.t, contract.ExitDone, code, out.Reason)
	return out
}

// refused requires a pull to be refused and to change nothing of the replica.
func (e *edge) refused(why contract.Refusal, extra ...string) contract.Outcome {
	e.t.Helper()
	before, state := digestOf(e.t, e.replica()), e.state()
	code, out := e.pull(extra...)
	require.Equal(e.t, contract.ExitRefused, code, out.Reason)
	require.Equal(e.t, why, out.Code, out.Reason)
	require.Equal(e.t, before, digestOf(e.t, e.replica()))
	require.Equal(e.t, state, e.state())
	return out
}

func (e *edge) state() contract.State {
	e.t.Helper()
	state, _, err := e.sites.Load(e.t.Context(), relationship)
	require.NoError(e.t, err)
	return state
}

func (e *edge) snapshots() []string {
	e.t.Helper()
	snapshots, err := e.sites.Snapshots(e.t.Context(), claim, relationship)
	require.NoError(e.t, err)
	var names []string
	for _, s := range snapshots {
		names = append(names, s.Name)
	}
	return names
}

// equal requires the replica, and the replica snapshot of a pull, to be like the
// source.
func (e *edge) equal(out contract.Outcome) {
	e.t.Helper()
	treetest.Equal(e.t, e.root, e.replica(), tree.Options{NoLostFound: true})
	treetest.Equal(e.t, e.root, e.site.Snapshot(claim, out.Snapshot), tree.Options{NoLostFound: true})
}

func write(t testing.TB, path, content string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
}
