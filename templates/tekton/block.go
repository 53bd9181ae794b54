package tekton

import (
	"context"
	"slices"

	"github.com/tektoncd/pipeline/pkg/apis/pipeline/pod"
	tektonv1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/templates/internal/podspec"
)

// Block returns a step as a Task for pipelines of others: its params are the
// parameters of the step and [ParamRun], which alone has a default, the TaskRun's UID. Labels that
// depend on a run are for the run: Tekton copies them to its pods.
func Block(name, role string, s *plan.Step) (*tektonv1.Task, error) {
	unlimited := *s
	unlimited.Timeout = 0 // how long it may take is for the TaskRun to say
	spec, err := TaskSpec(&unlimited, nil)
	if err != nil {
		return nil, err
	}
	for i := range spec.Params {
		if spec.Params[i].Name == ParamRun {
			spec.Params[i].Default = tektonv1.NewStructuredValues("$(context.taskRun.uid)")
		}
	}
	t := &tektonv1.Task{
		TypeMeta: tektonType("Task"),
		ObjectMeta: metav1.ObjectMeta{
			Name: name, Labels: podspec.Labels("", "", role, s, unknownRun), Annotations: podspec.Annotations(s),
		},
		Spec: *spec,
	}
	t.SetDefaults(context.Background())
	return t, nil
}

// BlockPod is what the pods of a block need that a Task has no field for.
func BlockPod(s *plan.Step) (*pod.PodTemplate, error) {
	spec, err := taskRunSpec(s)
	return spec.PodTemplate, err
}

// Rights are what an account needs in its namespace: the plan's rules, and those
// that follow from how Tekton works. An account whose steps never begin a run of a
// pipeline need no more.
func Rights(a plan.Account) []plan.Rule {
	return slices.Concat([]plan.Rule{earlierPods}, a.Lingering, a.Rules)
}
