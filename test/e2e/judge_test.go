//go:build e2e

package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/test/e2e/internal/job"
	"github.com/backube/scribe-gen/tree"
)

// The other scenarios are worth no more than the comparison that they end with.
func TestJudge(t *testing.T) {
	proves(t, "the comparison of volumes on this cluster finds those alike that were filled alike, and each difference otherwise", onEach, func(t *testing.T, on pair) {
		w := newWorld(t, on)
		a, b := w.volume(w.source, "a"), w.volume(w.source, "b")
		for _, at := range []place{a, b} {
			w.makeClaim(w.source, at.claim, w.class, "1Gi")
			w.work(at, job.Torture())
		}
		w.identical(a, b)

		w.work(b, job.Mutate(40, 5))
		found := map[string]bool{}
		for _, d := range w.compare(a, b, tree.Options{NoLostFound: true, Limit: 1000}).Differences {
			found[d.What] = true
		}
		for _, what := range []string{"presence", "content", "modification time", "mode"} {
			require.True(t, found[what], "no difference in %s was found", what)
		}
	})
}
