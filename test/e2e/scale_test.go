//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"

	"github.com/backube/scribe-gen/generator/spec"
)

func TestTwentyAtOnce(t *testing.T) {
	proves(t, "twenty replications between two namespaces at once: none takes another's volumes, keys or snapshots, each is identical")
	first := newWorld(t)
	worlds, roots := []*world{}, []string{}
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
		w.makeClaim(w.source, name, "fast", "100Mi")
		root := w.volume(w.source, name)
		w.writeRandom(root, "own", 1000+i)
		worlds, roots = append(worlds, &w), append(roots, root)
		w.apply()
	}
	var runs []*wfv1.Workflow
	for _, w := range worlds {
		w.connect()
	}
	for _, w := range worlds {
		runs = append(runs, w.submitDestination(), w.submitSource())
	}
	for i, w := range worlds {
		destination, source := runs[2*i], runs[2*i+1]
		w.succeeded(source, destination)
		w.identical(roots[i], w.snapshotTree(w.replica, w.committed(source)))
	}
	first.clean()
}

func TestLatency(t *testing.T) {
	alone(t, "how long a run of a small volume takes, from trigger to committed replica snapshot, and what dominates")
	w := newWorld(t)
	w.seedPlain("fast", 20)
	w.apply()
	w.connect()
	var lines []string
	for i := range 3 {
		began := time.Now()
		destination, source := w.submitDestination(), w.submitSource()
		w.succeeded(source, destination)
		w.committed(source)
		commit := w.state().Last.Time
		lines = append(lines, fmt.Sprintf("run %d: committed after %s, both pipelines ended after %s", i+1,
			commit.Sub(began).Round(10*time.Millisecond), time.Since(began).Round(10*time.Millisecond)))
		for _, wf := range []*wfv1.Workflow{source, destination} {
			for _, n := range wf.Status.Nodes {
				if n.Type == wfv1.NodeTypePod {
					lines = append(lines, fmt.Sprintf("  %s %s: from %s to %s after the trigger", strings.TrimPrefix(wf.Spec.WorkflowTemplateRef.Name, "scribe-"+w.rel+"-"),
						n.TemplateName, n.StartedAt.Sub(began).Round(time.Second), n.FinishedAt.Sub(began).Round(time.Second)))
				}
			}
		}
	}
	fmt.Println(strings.Join(lines, "\n"))
	w.clean()
}
