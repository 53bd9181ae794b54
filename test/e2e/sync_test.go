//go:build e2e

package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/generator/spec"
	"github.com/backube/scribe-gen/test/e2e/internal/job"
)

func TestSync(t *testing.T) {
	proves(t, "first and second run by hand: replica, replica snapshots and state are those of the source, in every attribute; an unchanged run, too", onMixed, func(t *testing.T, on pair) {
		w := newWorld(t, on, exclude("*.tmp"))
		data := w.seed(w.class)
		w.apply()
		w.connect()

		source, _ := w.sync()
		first := w.committed(source)
		w.identical(data, w.replicaSnapshot(first))
		w.identical(data, w.volume(w.replica, claim))
		w.clean()

		w.work(data, job.Mutate(60, 7))
		source, _ = w.sync()
		second := w.committed(source)
		require.NotEqual(t, first, second)
		w.identical(data, w.replicaSnapshot(second))

		source, _ = w.sync()
		w.identical(data, w.replicaSnapshot(w.committed(source)))
		assert.Len(t, w.replicaSnapshots(), 3)
		w.clean()
	})
}

func TestByHand(t *testing.T) {
	proves(t, "runs that are started with kubectl alone, as the documents say, are like those of scribe-gen", onEach, func(t *testing.T, on pair) {
		w := newWorld(t, on)
		data := w.seedPlain(w.class, 10)
		w.apply()
		w.connect()
		destination := w.startByHand(w.replica, plan.DestinationPipeline(w.rel))
		source := w.startByHand(w.source, plan.SourcePipeline(w.rel))
		w.succeeded(source, destination)
		w.identical(data, w.replicaSnapshot(w.committed(source)))
		assert.Len(t, w.runs(w.source), 1)
		w.clean()
	})
}

func TestSchedule(t *testing.T) {
	proves(t, "both schedules start runs by themselves, and a run longer than the period is not overlapped", onMixed, func(t *testing.T, on pair) {
		w := newWorld(t, on, func(r *spec.Replication) {
			r.Spec.Schedule = &spec.Schedule{Cron: "* * * * *"}
			r.Spec.Rsync.BandwidthLimit = "1Mi"
		})
		data := w.seedPlain(w.class, 30)
		w.work(data, job.Random("big", 90<<20)) // 90 s at the limit
		w.apply()
		w.connect()

		// On a busy cluster Argo may have seen them before their templates, and would then
		// look again after 20 minutes.
		for _, namespace := range []string{w.source, w.replica} {
			w.kubectl("", "-n", namespace, "annotate", w.sides[namespace].scheduleKind, "--all", "e2e=seen")
		}
		w.eventuallyCommitted(6 * time.Minute)
		w.suspend()
		w.quiet()
		for _, r := range w.runs(w.source) {
			assert.True(t, r.Scheduled, "%s", r)
		}
		assert.Equal(t, 1, w.overlap(), "runs of the source at once")
		w.identical(data, w.replicaSnapshot(w.state().Last.Snapshot))
		w.clean()
	})
}

func TestRetention(t *testing.T) {
	proves(t, "older replica snapshots go once the newest is ready, those labelled keep stay", onEach, func(t *testing.T, on pair) {
		w := newWorld(t, on, func(r *spec.Replication) { r.Spec.Destinations[0].Retain = spec.Retain{Last: 2} })
		w.seedPlain(w.class, 20)
		w.apply()
		w.connect()
		var names []string
		for i := range 4 {
			source, _ := w.sync()
			names = append(names, w.committed(source))
			if i == 0 {
				w.kubectl("", "-n", w.replica, "label", "volumesnapshot", names[0], "scribe.backube/keep=true")
			}
		}
		assert.ElementsMatch(t, []string{names[0], names[2], names[3]}, w.replicaSnapshots())
		w.clean()
	})
}

func TestLongNames(t *testing.T) {
	proves(t, "the longest names that the compiler accepts work in the cluster", onEach, func(t *testing.T, on pair) {
		w := newWorld(t, on, func(r *spec.Replication) {
			r.Metadata.Name = "thirty-characters-are-the-most"
			site := r.Spec.Sites["backup"]
			delete(r.Spec.Sites, "backup")
			r.Spec.Sites["backup"] = site
		})
		data := w.seedPlain(w.class, 10)
		w.apply()
		w.connect()
		source, _ := w.sync()
		w.identical(data, w.replicaSnapshot(w.committed(source)))
		w.clean()
	})
}

// exclude leaves out entries.
func exclude(patterns ...string) edit {
	return func(r *spec.Replication) { r.Spec.Filters.Exclude = patterns }
}
