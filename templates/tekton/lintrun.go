package tekton

import (
	"context"
	"maps"
	"slices"

	tektonv1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	"sigs.k8s.io/yaml"
)

// skeleton checks a run that is only a text to everybody until somebody creates it.
func (l *linter) skeleton(text string) {
	run := l.runOf(SkeletonKey, text)
	if run == nil {
		return
	}
	if run.Namespace != l.namespace {
		l.Failf("%s: namespace %q, want %q", SkeletonKey, run.Namespace, l.namespace)
	}
	p := l.pipelines[run.Spec.PipelineRef.Name]
	if p == nil {
		l.Failf("%s: refers to Pipeline %s, which is not in the bundle", SkeletonKey, run.Spec.PipelineRef.Name)
		return
	}
	l.runSpecs(run.Spec.TaskRunSpecs, p)
}

// started checks a run of another namespace, whose Pipeline is in another bundle.
func (l *linter) started(text string) {
	if run := l.runOf(startKey, text); run != nil && run.Namespace == "" {
		l.Failf("%s: has no namespace", startKey)
	}
}

// runOf checks what must hold of a run wherever its Pipeline is; it returns nil for a
// text that is none.
func (l *linter) runOf(key, text string) *tektonv1.PipelineRun {
	var run tektonv1.PipelineRun
	if err := yaml.UnmarshalStrict([]byte(text), &run); err != nil {
		l.Failf("%s: %w", key, err)
		return nil
	}
	run.SetDefaults(context.Background())
	l.valid(run.Spec.Validate(context.Background()))
	if run.Spec.PipelineRef == nil || run.Spec.PipelineRef.Name == "" {
		l.Failf("%s: refers to no Pipeline", key)
		return nil
	}
	t := run.Spec.Timeouts
	if t == nil || t.Pipeline == nil || t.Tasks == nil || t.Finally == nil ||
		t.Tasks.Duration <= 0 || t.Finally.Duration <= 0 || t.Pipeline.Duration != t.Tasks.Duration+t.Finally.Duration {
		l.Failf("%s: needs a limit of the tasks, one of those that run finally, and their sum for the run", key)
	}
	return &run
}

// runSpecs checks that every task of the Pipeline has its account and security, and
// nothing else has.
func (l *linter) runSpecs(specs []tektonv1.PipelineTaskRunSpec, p *tektonv1.Pipeline) {
	tasks := map[string]bool{}
	for _, pt := range slices.Concat(p.Spec.Tasks, p.Spec.Finally) {
		tasks[pt.Name] = true
	}
	for _, s := range specs {
		switch {
		case !tasks[s.PipelineTaskName]:
			l.Failf("%s: Pipeline %s has no task %s", SkeletonKey, p.Name, s.PipelineTaskName)
		case !l.accounts[s.ServiceAccountName]:
			l.Failf("%s: no ServiceAccount %q in the bundle", SkeletonKey, s.ServiceAccountName)
		case s.PodTemplate == nil || s.PodTemplate.SecurityContext == nil:
			l.Failf("%s: task %s has no security context", SkeletonKey, s.PipelineTaskName)
		}
		delete(tasks, s.PipelineTaskName)
	}
	for _, name := range slices.Sorted(maps.Keys(tasks)) {
		l.Failf("%s: says nothing of task %s", SkeletonKey, name)
	}
}
