//go:build e2e

package e2e

import (
	"fmt"
	"testing"

	"github.com/backube/scribe-gen/generator/spec"
	"github.com/backube/scribe-gen/test/e2e/internal/job"
)

func TestTwentyAtOnce(t *testing.T) {
	proves(t, "twenty replications between two namespaces at once: none takes another's volumes, keys or snapshots, each is identical", onEach, func(t *testing.T, on pair) {
		first := newWorld(t, on)
		worlds, roots := []*world{}, []place{}
		for i := range 20 {
			w := *first
			w.spec = &spec.Replication{}
			*w.spec = *first.spec
			w.spec.Metadata.Name = fmt.Sprintf("wiki%02d", i)
			name := fmt.Sprintf("data%02d", i)
			w.spec.Spec.Source.PersistentVolumeClaim = name
			destination := first.spec.Spec.Destinations[0]
			destination.PersistentVolumeClaim = name
			w.spec.Spec.Destinations = []spec.Destination{destination}
			w.rel = w.spec.Metadata.Name + "-backup"
			w.dir = t.TempDir()
			w.write()
			w.makeClaim(w.source, name, w.class, "100Mi")
			root := w.volume(w.source, name)
			w.work(root, job.Random("own", 1000+i))
			worlds, roots = append(worlds, &w), append(roots, root)
			w.apply()
		}
		var destinations, sources []*run
		for _, w := range worlds {
			destinations = append(destinations, w.startDestination())
		}
		for _, w := range worlds { // as soon as its keys are made
			w.scribe(0, "connect", "--wait", "2m")
			sources = append(sources, w.startSource())
		}
		for i, w := range worlds {
			source := sources[i]
			w.succeeded(source, destinations[i])
			w.identical(roots[i], w.replicaSnapshot(w.committed(source)))
		}
		first.clean()
	})
}
