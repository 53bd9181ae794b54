//go:build e2e

package e2e

import (
	"context"
	"fmt"

	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/test/e2e/internal/job"
	"github.com/backube/scribe-gen/tree"
)

// place is where data lies: in the volume of a claim or in a VolumeSnapshot.
type place struct{ namespace, claim, snapshot string }

func (p place) String() string {
	if p.snapshot != "" {
		return fmt.Sprintf("VolumeSnapshot %s/%s", p.namespace, p.snapshot)
	}
	return fmt.Sprintf("claim %s/%s", p.namespace, p.claim)
}

// access is how the data at a place is reached: in the directories of the test
// driver (directories), or through pods (pods).
type access interface {
	// work does a job on a volume.
	work(ctx context.Context, at place, j job.Job) error
	// compare compares what is at b with what is at a.
	compare(ctx context.Context, a, b place, o tree.Options) (tree.Report, error)
}

// volume is the data of a claim.
func (w *world) volume(namespace, claim string) place {
	return place{namespace: namespace, claim: claim}
}

// replicaSnapshot is the data of a VolumeSnapshot of the replica.
func (w *world) replicaSnapshot(name string) place {
	return place{namespace: w.replica, snapshot: name}
}

// work does a job on a volume.
func (w *world) work(at place, j job.Job) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), wait)
	defer cancel()
	require.NoError(w.t, w.data.work(ctx, at, j), "%s", at)
}

// seed makes the source claim and fills it with everything a replica must keep.
func (w *world) seed(class string) place {
	w.t.Helper()
	w.makeClaim(w.source, claim, class, "1Gi")
	data := w.volume(w.source, claim)
	w.work(data, job.Torture())
	return data
}

// seedPlain makes the source claim with n ordinary files.
func (w *world) seedPlain(class string, n int) place {
	w.t.Helper()
	w.makeClaim(w.source, claim, class, "1Gi")
	data := w.volume(w.source, claim)
	w.work(data, job.Volume(n, 1))
	return data
}

// seedSlow makes a source of which a transfer takes about ten seconds with
// slowly; longer where it takes a pod to see that data arrives.
func (w *world) seedSlow() place {
	w.t.Helper()
	size := 20 << 20
	if w.own == nil {
		size = 80 << 20
	}
	data := w.seedPlain(w.class, 30)
	w.work(data, job.Random("big", size))
	return data
}

// receiving waits until data arrives at the replica.
func (w *world) receiving() {
	w.t.Helper()
	w.stepRuns(w.replica, "listen")
	w.work(w.volume(w.replica, claim), job.Receive())
}

// identical fails the test unless the data is alike in every attribute.
func (w *world) identical(a, b place) {
	w.t.Helper()
	report := w.compare(a, b, tree.Options{NoLostFound: true})
	require.True(w.t, report.Equal(), "%s and %s differ: %s", a, b, report)
}

// compare compares what is at b with what is at a.
func (w *world) compare(a, b place, o tree.Options) tree.Report {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), wait)
	defer cancel()
	report, err := w.data.compare(ctx, a, b, o)
	require.NoError(w.t, err, "compare %s with %s", b, a)
	return report
}
