package apiserver

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/backube/scribe-gen/generator"
	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/templates/argo"
	"github.com/backube/scribe-gen/templates/tekton"
	"github.com/backube/scribe-gen/test/internal/kube"
)

// engine is what the tests know of a workflow engine, besides what it compiles.
type engine struct {
	generator.Engine
	// group is that of its own kinds, schedule the kind that starts runs.
	group, schedule string
	// pods are those that the steps of an installed bundle become, by
	// <pipeline>/<step>. The step's container is the last.
	pods func(*testing.T, *kube.Cluster, bundle, podSettings) map[string]*corev1.Pod
	// added are the containers that it puts into every pod. They bring resources of
	// their own, when the spec gives those of movers, where bringsResources.
	added           []string
	bringsResources bool
	// rights are what an account needs because of how the engine works, and starters
	// the accounts that it adds.
	rights   func(plan.Relationship, plan.Account) []kube.Right
	starters func(bundle, plan.Relationship) []account
	// scheduled are the objects that a scheduled run consists of, before it starts.
	scheduled func(*testing.T, bundle) []*unstructured.Unstructured
	// starts are the runs elsewhere that a run of the bundle starts.
	starts func(*testing.T, bundle) []start
	// edits are changes that people make to its kinds.
	edits []edited
}

var (
	onArgo = engine{
		Engine: argo.Engine{}, group: "argoproj.io", schedule: "CronWorkflow",
		pods: argoPods, added: []string{"init", "wait"}, bringsResources: true,
		rights: argoRights, starters: func(bundle, plan.Relationship) []account { return nil },
		scheduled: argoScheduled, starts: argoStarts,
		edits: []edited{
			{"CronWorkflow", []any{"0 0 1 1 *"}, []string{"spec", "schedules"}},
			{"WorkflowTemplate", int64(7), []string{"spec", "activeDeadlineSeconds"}},
		},
	}
	onTekton = engine{
		Engine: tekton.Engine{}, group: "tekton.dev", schedule: "CronJob",
		pods: tektonPods, added: []string{"prepare"},
		rights: tektonRights, starters: tektonStarters,
		scheduled: tektonScheduled, starts: tektonStarts,
		edits: []edited{
			{"CronJob", "0 0 1 1 *", []string{"spec", "schedule"}},
			{"Task", []any{}, []string{"spec", "volumes"}},
			{"Pipeline", []any{}, []string{"spec", "finally"}},
			{"ConfigMap", "kind: PipelineRun\n", []string{"data", tekton.SkeletonKey}},
		},
	}
	engines = []engine{onArgo, onTekton}
)

// podSettings are what an administrator may give the containers that engines add to
// every pod.
type podSettings struct {
	resources corev1.ResourceRequirements
	// unpatched leaves out what the bundle says of them.
	unpatched bool
}

// perEngine runs the test for every engine, side by side.
func perEngine(t *testing.T, test func(*testing.T, *kube.Cluster, engine)) {
	c := server(t)
	for _, e := range engines {
		t.Run(e.Name(), func(t *testing.T) {
			t.Parallel()
			test(t, c, e)
		})
	}
}

// each runs the test for every fixture and engine, side by side.
func each(t *testing.T, test func(*testing.T, *kube.Cluster, fixture)) {
	perEngine(t, func(t *testing.T, c *kube.Cluster, e engine) {
		for _, f := range fixtures(t, e) {
			t.Run(f.name, func(t *testing.T) {
				t.Parallel()
				test(t, c, f)
			})
		}
	})
}
