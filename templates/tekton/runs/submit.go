package runs

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	v1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/backube/scribe-gen/templates/internal/podspec"
	"github.com/backube/scribe-gen/templates/remote"
	"github.com/backube/scribe-gen/templates/tekton"
)

// Submit creates a PipelineRun of the pipeline's skeleton. So does the schedule, and
// a person with kubectl create: all runs are the same.
func (e *Engine) Submit(ctx context.Context, s remote.Submission) (remote.Run, error) {
	pipeline, err := e.client.Pipelines(e.space).Get(ctx, s.Pipeline, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return remote.Run{}, &remote.NotAppliedError{Pipeline: s.Pipeline}
	}
	if err != nil {
		return remote.Run{}, err
	}
	r, err := e.skeleton(ctx, s.Pipeline)
	if err != nil {
		return remote.Run{}, err
	}
	if err := fill(r, pipeline, s); err != nil {
		return remote.Run{}, err
	}
	r, err = e.pipelineRuns().Create(ctx, r, metav1.CreateOptions{FieldManager: remote.FieldManager})
	if err != nil {
		return remote.Run{}, err
	}
	return runOf(r, nil, ""), nil
}

// skeleton reads the pipeline's.
func (e *Engine) skeleton(ctx context.Context, pipeline string) (*v1.PipelineRun, error) {
	name := tekton.SkeletonName(pipeline)
	cm, err := e.core.CoreV1().ConfigMaps(e.space).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, &remote.NotAppliedError{Pipeline: pipeline}
	}
	if err != nil {
		return nil, err
	}
	text, ok := cm.Data[tekton.SkeletonKey]
	if !ok {
		return nil, fmt.Errorf("ConfigMap %s has no key %s: it is of another version; apply the bundle again", name, tekton.SkeletonKey)
	}
	r := &v1.PipelineRun{}
	err = yaml.UnmarshalStrict([]byte(text), r)
	if err == nil && (r.Kind != "PipelineRun" || r.GenerateName == "") {
		err = fmt.Errorf("it is of kind %q with generateName %q", r.Kind, r.GenerateName)
	}
	if err != nil {
		return nil, fmt.Errorf("ConfigMap %s: key %s is no PipelineRun to be created; apply the bundle again: %w", name, tekton.SkeletonKey, err)
	}
	return r, nil
}

// fill puts a submission into the skeleton of a pipeline's runs.
func fill(r *v1.PipelineRun, pipeline *v1.Pipeline, s remote.Submission) error {
	if r.Labels == nil {
		r.Labels = map[string]string{}
	}
	maps.Copy(r.Labels, s.Labels)
	r.Labels[tekton.LabelPipeline] = s.Pipeline // the controller sets it, too, a moment later
	for _, name := range slices.Sorted(maps.Keys(s.Params)) {
		named := func(p v1.ParamSpec) bool { return p.Name == name }
		if !slices.ContainsFunc(pipeline.Spec.Params, named) {
			return fmt.Errorf("pipeline %s has no parameter %s: it is of another version; apply the bundle again", s.Pipeline, name)
		}
		setParam(&r.Spec.Params, name, s.Params[name])
	}
	if s.Timeout > 0 {
		r.Spec.Timeouts = within(r.Spec.Timeouts, s.Timeout)
	}
	if s.Step != "" {
		return alone(r, pipeline, s.Step)
	}
	return nil
}

func setParam(params *v1.Params, name, value string) {
	*params = slices.DeleteFunc(*params, func(p v1.Param) bool { return p.Name == name })
	*params = append(*params, v1.Param{Name: name, Value: *v1.NewStructuredValues(value)})
}

// within bounds the tasks, waiting for older runs included. What must run finally
// has its time besides.
func within(skeleton *v1.TimeoutFields, tasks time.Duration) *v1.TimeoutFields {
	limits := &v1.TimeoutFields{}
	if skeleton != nil {
		limits = skeleton.DeepCopy()
	}
	whole := tasks
	if limits.Finally != nil {
		whole += limits.Finally.Duration
	}
	limits.Tasks, limits.Pipeline = &metav1.Duration{Duration: tasks}, &metav1.Duration{Duration: whole}
	return limits
}

// alone makes the run one of a single step. It carries its step's name and not the
// pipeline's label, so that it waits for no run of the pipeline, and none for it.
func alone(r *v1.PipelineRun, pipeline *v1.Pipeline, step string) error {
	tasks := slices.Concat(pipeline.Spec.Tasks, pipeline.Spec.Finally)
	i := slices.IndexFunc(tasks, func(t v1.PipelineTask) bool { return t.Name == step })
	if i < 0 {
		return fmt.Errorf("pipeline %s has no step %s, but %s: it is of another version; apply the bundle again",
			pipeline.Name, step, taskNames(tasks))
	}
	task := tasks[i].DeepCopy()
	task.RunAfter = nil
	if needs := task.Deps(); len(needs) > 0 {
		return fmt.Errorf("step %s of pipeline %s cannot run alone: it takes what step %s gives out", step, pipeline.Name, strings.Join(needs, ", "))
	}
	if slices.ContainsFunc(task.Params, func(p v1.Param) bool { return p.Name == tekton.ParamPipeline }) {
		setParam(&task.Params, tekton.ParamPipeline, "")
	}
	r.Spec.PipelineRef = nil
	r.Spec.PipelineSpec = &v1.PipelineSpec{Params: pipeline.Spec.Params, Tasks: []v1.PipelineTask{*task}}
	r.Spec.TaskRunSpecs = slices.DeleteFunc(r.Spec.TaskRunSpecs, func(s v1.PipelineTaskRunSpec) bool { return s.PipelineTaskName != step })
	delete(r.Labels, tekton.LabelPipeline)
	r.Labels[podspec.LabelStep] = step
	return nil
}

func taskNames(tasks []v1.PipelineTask) string {
	var names []string
	for _, t := range tasks {
		names = append(names, t.Name)
	}
	return strings.Join(names, ", ")
}
