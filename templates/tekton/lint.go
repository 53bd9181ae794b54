package tekton

import (
	"context"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"

	tektonv1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"knative.dev/pkg/apis"

	"github.com/backube/scribe-gen/generator/manifest"
	"github.com/backube/scribe-gen/templates/internal/common"
)

// lint reports what Tekton's admission webhook would refuse, and what it lets pass
// because it looks at one object at a time: a Task that is not there, a param that
// nobody gives, a variable in a volume that stays as it is. foreign are accounts
// that are not part of the objects.
func lint(objects []manifest.Object, foreign map[string]bool) error {
	l := linter{
		accounts: maps.Clone(foreign), tasks: map[string]*tektonv1.Task{},
		pipelines: map[string]*tektonv1.Pipeline{}, skeletons: map[string]bool{}, texts: map[string]bool{},
	}
	for _, o := range objects {
		l.collect(o)
	}
	for _, o := range objects {
		l.Object(o, l.namespace, nameLimits)
		switch o := o.(type) {
		case *tektonv1.Task:
			l.valid(o.Validate(context.Background()))
			l.task(o)
		case *tektonv1.Pipeline:
			l.valid(o.Validate(context.Background()))
			l.pipeline(o)
		case *corev1.ConfigMap:
			if text, ok := o.Data[SkeletonKey]; ok {
				l.skeleton(text)
			}
			if text, ok := o.Data[startKey]; ok {
				l.started(text)
			}
		case *batchv1.CronJob:
			l.cron(o)
		}
	}
	return l.Err()
}

// nameLimits are the longest names by kind, in bytes: a Job's name ends in the time
// of its start, and names of Tasks and Pipelines become labels.
var nameLimits = map[string]int{"CronJob": 52, "Task": 63, "Pipeline": 63, "Service": 63}

type linter struct {
	common.Findings
	// What can be referred to.
	accounts  map[string]bool
	tasks     map[string]*tektonv1.Task
	pipelines map[string]*tektonv1.Pipeline
	skeletons map[string]bool
	texts     map[string]bool
	services  []*corev1.Service
	namespace string
}

// valid takes the result of a Validate: a nil pointer in an error is not nil.
func (l *linter) valid(found *apis.FieldError) {
	if found != nil {
		l.Failf("%w", found)
	}
}

// collect notes what others refer to.
func (l *linter) collect(o manifest.Object) {
	switch o := o.(type) {
	case *corev1.ServiceAccount:
		l.accounts[o.Name] = true
	case *tektonv1.Task:
		l.tasks[o.Name] = o
	case *tektonv1.Pipeline:
		l.pipelines[o.Name] = o
	case *corev1.ConfigMap:
		l.skeletons[o.Name], l.texts[o.Name] = o.Data[SkeletonKey] != "", true
	case *corev1.Service:
		l.services = append(l.services, o)
	}
	if l.namespace == "" {
		l.namespace = o.GetNamespace()
	}
}

func (l *linter) task(t *tektonv1.Task) {
	var mounts []corev1.VolumeMount
	for _, s := range t.Spec.Steps {
		if len(s.Command) == 0 {
			l.Failf("step %s has no command: the controller would look it up in the registry", s.Name)
		}
		mounts = append(mounts, s.VolumeMounts...)
	}
	l.Mounts(t.Spec.Volumes, mounts)
	for _, v := range t.Spec.Volumes {
		if v.ConfigMap != nil && !l.texts[v.ConfigMap.Name] {
			l.Failf("no ConfigMap %q in the bundle", v.ConfigMap.Name)
		}
	}
	if len(t.Spec.Workspaces) > 0 {
		l.Failf("has workspaces: Tekton would hold their volumes for the whole run")
	}
	for _, s := range l.services {
		if labels.SelectorFromSet(s.Spec.Selector).Matches(labels.Set(t.Labels)) && len(t.Spec.Steps) != 1 {
			l.Failf("has %d containers: with one that has ended, its pod is not ready and Service %s has no address", len(t.Spec.Steps), s.Name)
		}
	}
	known := map[string]bool{"$(context.taskRun.name)": true}
	for _, p := range t.Spec.Params {
		known[variableParam(p.Name)] = true
	}
	for _, r := range t.Spec.Results {
		known[resultPath(r.Name)] = true
	}
	l.variables(t.Spec, known)
}

var variable = regexp.MustCompile(`\$\([^)]*\)?`)

// variables checks that nothing but what is known looks like one of Tekton's, or of
// the kubelet's. The webhook looks at steps only, and not at volumes.
func (l *linter) variables(part any, known map[string]bool) {
	text, err := json.Marshal(part)
	if err != nil {
		l.Failf("%v", err)
		return
	}
	for _, found := range variable.FindAllString(string(text), -1) {
		if !known[found] {
			l.Failf("%s is no variable that is known here", found)
		}
	}
}

func (l *linter) pipeline(p *tektonv1.Pipeline) {
	known := map[string]bool{variableUID: true, variableName: true}
	for _, v := range p.Spec.Params {
		known[variableParam(v.Name)] = true
	}
	for _, pt := range p.Spec.Tasks {
		if task := l.tasks[pt.TaskRef.Name]; task != nil {
			for _, r := range task.Spec.Results {
				known[variableResult(pt.Name, r.Name)] = true
			}
		}
	}
	for _, pt := range slices.Concat(p.Spec.Tasks, p.Spec.Finally) {
		l.pipelineTask(pt)
	}
	l.variables(p.Spec, known)
}

func (l *linter) pipelineTask(pt tektonv1.PipelineTask) {
	task := l.tasks[pt.TaskRef.Name]
	if task == nil {
		l.Failf("task %s refers to Task %s, which is not in the bundle", pt.Name, pt.TaskRef.Name)
		return
	}
	if pt.Timeout == nil || pt.Timeout.Duration <= 0 {
		l.Failf("task %s has no time limit", pt.Name)
	}
	given := map[string]bool{}
	for _, v := range pt.Params {
		given[v.Name] = true
	}
	for _, v := range task.Spec.Params {
		if !given[v.Name] && v.Default == nil {
			l.Failf("task %s: param %s is not given", pt.Name, v.Name)
		}
		delete(given, v.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		l.Failf("task %s: Task %s has no param %s", pt.Name, task.Name, name)
	}
}

func (l *linter) cron(c *batchv1.CronJob) {
	if c.Spec.ConcurrencyPolicy != batchv1.ForbidConcurrent || c.Spec.TimeZone == nil || strings.TrimSpace(*c.Spec.TimeZone) == "" {
		l.Failf("needs concurrency policy Forbid and a time zone")
	}
	pod := c.Spec.JobTemplate.Spec.Template.Spec
	if !l.accounts[pod.ServiceAccountName] {
		l.Failf("no ServiceAccount %q in the bundle", pod.ServiceAccountName)
	}
	for _, v := range pod.Volumes {
		if v.ConfigMap != nil && !l.skeletons[v.ConfigMap.Name] {
			l.Failf("no skeleton of a run in ConfigMap %q of the bundle", v.ConfigMap.Name)
		}
	}
}
