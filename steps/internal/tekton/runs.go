package tekton

import (
	"cmp"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/cluster"
)

// pipelineRuns is the resource; its objects have no Go type here, so that nothing of
// them is lost.
var pipelineRuns = schema.GroupVersionResource{Group: "tekton.dev", Version: "v1", Resource: "pipelineruns"}

// labelPipeline is Tekton's own label; its controller sets it some time after a run
// was created.
const labelPipeline = "tekton.dev/pipeline"

// runs is the PipelineRuns of a namespace.
type runs = cluster.Collection[*unstructured.Unstructured]

// run is what matters of a PipelineRun.
type run struct {
	*unstructured.Unstructured
	// ticket is when its turn comes, in whole seconds: when it started, or until
	// that is known when it was created.
	ticket    time.Time
	pending   bool // held back by who created it
	ended     bool
	succeeded bool
	completed time.Time
	scheduled bool
}

func read(o *unstructured.Unstructured) run {
	r := run{Unstructured: o, ticket: o.GetCreationTimestamp().Time, completed: o.GetCreationTimestamp().Time}
	status, _, _ := unstructured.NestedString(o.Object, "spec", "status")
	if started, ok := timeAt(o, "status", "startTime"); ok {
		r.ticket = started
	} else {
		r.pending = status == "PipelineRunPending"
	}
	if completed, ok := timeAt(o, "status", "completionTime"); ok {
		r.completed = completed
	}
	conditions, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
	for _, c := range conditions {
		if condition, ok := c.(map[string]any); ok && condition["type"] == "Succeeded" {
			r.succeeded = condition["status"] == "True"
			r.ended = r.succeeded || condition["status"] == "False"
		}
	}
	r.scheduled = o.GetLabels()[contract.LabelScheduled] == "true"
	return r
}

func timeAt(o *unstructured.Unstructured, path ...string) (time.Time, bool) {
	text, _, _ := unstructured.NestedString(o.Object, path...)
	at, err := time.Parse(time.RFC3339, text)
	return at, err == nil
}

// pipelineOf is the Pipeline that a run is of. The label alone would not do, as it
// is missing at first.
func pipelineOf(o *unstructured.Unstructured) string {
	name, _, _ := unstructured.NestedString(o.Object, "spec", "pipelineRef", "name")
	return cmp.Or(name, o.GetLabels()[labelPipeline])
}

// compare orders runs by their turns. It is the same to everybody who asks once both
// have started, and until then errs on the side of waiting. One that is held back
// will start after all that have.
func compare(a, b run) int {
	if a.pending != b.pending {
		return map[bool]int{true: 1, false: -1}[a.pending]
	}
	return cmp.Or(a.ticket.Compare(b.ticket), cmp.Compare(a.GetName(), b.GetName()))
}

// of returns the runs of a Pipeline in the order of their turns.
func of(pipeline string, present map[string]*unstructured.Unstructured) (all []run) {
	for _, o := range present {
		if pipelineOf(o) == pipeline {
			all = append(all, read(o))
		}
	}
	slices.SortFunc(all, compare)
	return all
}
