//go:build e2e

package e2e

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/backube/scribe-gen/generator/spec"
	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/test/s3"
)

// fanOut is one source whose replicas, the edges, get their data from an object
// store. As a world it is what publishes: both ends are at the source.
type fanOut struct {
	*world
	// edges are worlds that share all but the replica.
	edges []*world
	store *s3.Server
}

// edgeSites are the sites of the edges.
var edgeSites = []string{"east", "west", "south"}

// newFanOut makes the namespaces, the Secrets for the store, and the spec. The last
// of three edges has the engine that the others do not have, where both were chosen.
func newFanOut(t *testing.T, on pair, kind s3.Kind, edges int, edits ...edit) *fanOut {
	t.Helper()
	f := &fanOut{store: store(t, kind), world: draft(t, on.source)}
	f.replica, f.spec.Spec.Rclone = f.source, through(f.id)
	for i, site := range edgeSites[:edges] {
		engine := on.replica
		if i == 2 {
			engine = otherThan(engine)
		}
		f.destination(site, f.id+"-"+site, engine)
	}
	f.settle(edits)
	f.rel = contract.RelationshipName(f.spec.Metadata.Name, primary)
	f.join(primary)
	for _, site := range edgeSites[:edges] {
		f.join(site)
		edge := *f.world
		edge.replica = f.spec.Spec.Sites[site].Namespace
		edge.rel = contract.RelationshipName(f.spec.Metadata.Name, site)
		f.edges = append(f.edges, &edge)
	}
	return f
}

// join makes a site of the spec that can reach the store.
func (f *fanOut) join(site string) {
	at := f.spec.Spec.Sites[site]
	f.side(at.Namespace, at.Engine)
	f.storeSecrets(at.Namespace, f.store)
}

// otherThan is another engine that was chosen, or the same where there is none.
func otherThan(engine spec.Engine) spec.Engine {
	for _, other := range shared.engines {
		if other != engine {
			return other
		}
	}
	return engine
}

// push publishes and returns what the push says it did.
func (f *fanOut) push() *contract.Outcome {
	f.t.Helper()
	r := f.startSource()
	f.succeeded(r)
	return f.published(r)
}

// published checks what the source's site remembers of a push that has succeeded.
func (f *fanOut) published(r *run) *contract.Outcome {
	f.t.Helper()
	out := r.outcome(f.t, "push")
	require.Equal(f.t, contract.ResultDone, out.Outcome, "%s", r)
	last := f.state().Last
	require.NotNil(f.t, last)
	assert.Equal(f.t, r.ID, last.Run)
	assert.Equal(f.t, out.Generation, last.Generation)
	assert.Equal(f.t, out.Digest, last.Digest)
	assert.True(f.t, out.RecoveryPoint.Equal(last.RecoveryPoint))
	return out
}

// pullAll has all edges pull at the same time.
func (f *fanOut) pullAll() []*run {
	f.t.Helper()
	runs := make([]*run, len(f.edges))
	for i, edge := range f.edges {
		runs[i] = edge.startDestination()
	}
	f.succeeded(runs...)
	return runs
}

// pulled checks what an edge has of a pull that took what a push published: a replica
// snapshot that says so, and a state. It returns the snapshot. The last word of a run
// that nobody followed from its start may be lost.
func (w *world) pulled(r *run, published *contract.Outcome) place {
	w.t.Helper()
	name := contract.PulledSnapshotName(w.rel, r.ID, published.Generation)
	s, err := w.snapshots.SnapshotV1().VolumeSnapshots(w.replica).Get(w.t.Context(), name, metav1.GetOptions{})
	require.NoError(w.t, err, "%s", r)
	assert.Equal(w.t, r.ID, s.Annotations[contract.AnnotationRunID])
	assert.Equal(w.t, published.Digest, s.Annotations[contract.AnnotationDigest])
	assert.Equal(w.t, strconv.FormatInt(published.Generation, 10), s.Annotations[contract.AnnotationGeneration])
	assert.Equal(w.t, published.RecoveryPoint.Format(time.RFC3339Nano), s.Annotations[contract.AnnotationRecoveryPoint])
	last := w.state().Last
	require.NotNil(w.t, last)
	assert.Equal(w.t, name, last.Snapshot)
	assert.Equal(w.t, published.Digest, last.Digest)
	assert.Equal(w.t, published.Generation, last.Generation)
	assert.True(w.t, published.RecoveryPoint.Equal(last.Current()))
	return w.replicaSnapshot(name)
}

// refusal checks that a step of a run was refused for good, after one attempt, and
// returns in which words.
func (r *run) refusal(t *testing.T, step string, code contract.Refusal) string {
	t.Helper()
	s := r.step(t, step)
	assert.Equal(t, contract.ExitRefused, s.Exit, "%s", r)
	assert.Equal(t, 1, s.Attempts)
	out := r.outcome(t, step)
	assert.Equal(t, code, out.Code, "%s", r)
	return out.Reason
}

// allPulled checks that every edge has what a push published, which is the data.
func (f *fanOut) allPulled(runs []*run, published *contract.Outcome, data place) {
	f.t.Helper()
	for i, edge := range f.edges {
		edge.identical(data, edge.pulled(runs[i], published))
	}
}

// finish is how every scenario ends: nothing temporary is left anywhere, and the
// credentials of the store are nowhere but in their Secrets.
func (f *fanOut) finish() {
	f.t.Helper()
	for _, edge := range f.edges {
		edge.clean()
	}
	f.discreet(f.store.SecretKey)
}
