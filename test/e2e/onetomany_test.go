//go:build e2e

package e2e

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/generator/spec"
	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/test/e2e/internal/job"
	"github.com/backube/scribe-gen/test/s3"
)

// big is the size of a file that never changes, which is more than all that does.
const big = 24 << 20

func TestFanOut(t *testing.T) {
	proves(t, "one source and three edges, on both engines, over a store with TLS and an authority of its own: all replicas are the source in every attribute, then only changes travel, and without changes nothing", onEach, func(t *testing.T, on pair) {
		f := newFanOut(t, on, kindFor(on), 3, exclude("*.tmp"), indexed)
		data := f.seed(f.class)
		f.work(data, job.Random("big", big))
		f.apply()

		first := f.push()
		assert.GreaterOrEqual(t, first.Bytes, int64(big))
		f.allPulled(f.pullAll(), first, data)
		f.work(data, job.Mutate(60, 7))

		second := f.push()
		runs := f.pullAll()
		f.allPulled(runs, second, data)
		assert.Equal(t, first.Generation+1, second.Generation)
		assert.Less(t, second.Bytes, int64(big), "what did not change was uploaded again")
		for _, r := range runs {
			assert.Less(t, r.outcome(t, "pull").Bytes, int64(big), "what did not change was fetched again: %s", r)
		}

		third := f.push()
		assert.Zero(t, third.Bytes)
		assert.Equal(t, second.Digest, third.Digest)
		for i, r := range f.pullAll() {
			f.edges[i].upToDate(r, third, 2)
		}
		f.finish()
	})
}

// upToDate checks an edge that pulled what it had already: it has so many replica
// snapshots, and no new one, but a newer recovery point.
func (w *world) upToDate(r *run, published *contract.Outcome, snapshots int) {
	w.t.Helper()
	assert.Equal(w.t, contract.ResultNothing, r.outcome(w.t, "pull").Outcome, "%s", r)
	assert.Len(w.t, w.replicaSnapshots(), snapshots)
	last := w.state().Last
	require.NotNil(w.t, last)
	assert.True(w.t, published.RecoveryPoint.Equal(last.Current()), "the recovery point moves on")
	assert.Equal(w.t, published.Generation, last.Generation)
}

func TestFanOutPushStartsPulls(t *testing.T) {
	proves(t, "with trigger Push a push starts the pull of each edge of its engine once, in that edge's namespace, and no other", onEach, func(t *testing.T, on pair) {
		f := newFanOut(t, on, s3.Versity, 3, func(r *spec.Replication) { r.Spec.Rclone.Trigger = spec.TriggerPush })
		data := f.seedPlain(f.class, 20)
		f.apply()
		for round := 1; round <= 2; round++ {
			f.work(data, job.Random("changed", round<<16))
			published := f.push()
			for _, edge := range f.edges {
				runs := edge.runs(edge.replica) // the push has ended, so what it starts is there
				if edge.sides[edge.replica].name != on.source {
					assert.Empty(t, runs, "a run of another engine was started")
					continue
				}
				require.Len(t, runs, round)
				edge.succeeded(runs[0])
				edge.identical(data, edge.pulled(runs[0], published))
			}
		}
		f.finish()
	})
}

func TestFanOutPromote(t *testing.T) {
	proves(t, "a promoted edge has the application's claim and refuses further pulls, the other goes on; status tells generation, recovery point and lag of each", onEach, func(t *testing.T, on pair) {
		f := newFanOut(t, on, s3.Versity, 2)
		data := f.seedPlain(f.class, 20)
		f.apply()
		east, west := f.edges[0], f.edges[1]
		first := f.push()
		runs := f.pullAll()
		f.allPulled(runs, first, data)

		out, _ := f.scribe(0, "promote", "--relationship", east.rel, "-o", "json")
		var promoted struct{ Claim string }
		require.NoError(t, json.Unmarshal([]byte(out), &promoted))
		east.bind(east.replica, promoted.Claim)
		good := east.pulled(runs[0], first)
		east.identical(good, east.volume(east.replica, promoted.Claim))

		f.work(data, job.Mutate(10, 3))
		second := f.push()
		refused, pull := east.startDestination(), west.startDestination()
		f.end(refused, pull)
		west.identical(data, west.pulled(pull, second))
		refused.refusal(t, "pull", contract.RefusedPromoted)
		east.identical(good, east.volume(east.replica, promoted.Claim))

		all := f.status()
		assert.Equal(t, second.Generation, all[f.rel].Generation)
		assert.Equal(t, "promoted", all[east.rel].State)
		assert.Equal(t, first.Generation, all[east.rel].Generation)
		assert.InDelta(t, second.RecoveryPoint.Sub(*first.RecoveryPoint).Seconds(), all[east.rel].LagSeconds, 1e-3)
		assert.Equal(t, second.Generation, all[west.rel].Generation)
		assert.Zero(t, all[west.rel].LagSeconds)
		assert.True(t, second.RecoveryPoint.Equal(all[west.rel].RecoveryPoint))
		f.finish()
	})
}

// edgeStatus is what status says of what was published, and of each edge.
type edgeStatus struct {
	Relationship  string
	RecoveryPoint time.Time
	Generation    int64
	LagSeconds    float64
	State         string
}

// status is what the command of that name says, by relationship.
func (w *world) status() map[string]edgeStatus {
	w.t.Helper()
	out, _ := w.scribe(0, "status", "-o", "json")
	var list []edgeStatus
	require.NoError(w.t, json.Unmarshal([]byte(out), &list))
	all := map[string]edgeStatus{}
	for _, s := range list {
		all[s.Relationship] = s
	}
	return all
}

// kindFor has both kinds of stores used where both engines are.
func kindFor(on pair) s3.Kind {
	if on.source == spec.EngineArgo {
		return s3.Versity
	}
	return s3.MinIO
}

// indexed keeps an index at the source.
func indexed(r *spec.Replication) { r.Spec.Source.Index = &spec.Index{} }
