package argo

import (
	"encoding/json"
	"maps"
	"regexp"
	"strings"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	"github.com/expr-lang/expr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"

	"github.com/backube/scribe-gen/generator/manifest"
	"github.com/backube/scribe-gen/templates/internal/common"
)

// lint reports what Argo's own validators and the API server let pass, and what
// then fails at night: a mount without a volume, an expression that does not
// compile, a missing account. foreign are accounts that are not part of the
// objects.
func lint(objects []manifest.Object, foreign map[string]bool) error {
	l := linter{accounts: maps.Clone(foreign), templates: map[string]bool{}}
	for _, o := range objects {
		l.collect(o)
	}
	for _, o := range objects {
		// Argo's offline lint takes objects with and without namespace for strangers.
		l.Object(o, l.namespace, nameLimits)
		switch o := o.(type) {
		case *wfv1.WorkflowTemplate:
			l.workflow(o)
		case *wfv1.CronWorkflow:
			l.cron(o)
		}
	}
	return l.Err()
}

type linter struct {
	common.Findings
	// accounts and templates are those that can be referred to.
	accounts, templates map[string]bool
	namespace           string
}

// collect notes what others refer to.
func (l *linter) collect(o manifest.Object) {
	switch o.(type) {
	case *corev1.ServiceAccount:
		l.accounts[o.GetName()] = true
	case *wfv1.WorkflowTemplate:
		l.templates[o.GetName()] = true
	}
	if l.namespace == "" {
		l.namespace = o.GetNamespace()
	}
}

// nameLimits are the longest names by kind, in bytes, where they are shorter than
// what any object may have: runs of a CronWorkflow get a time stamp, a
// WorkflowTemplate's name becomes a label.
var nameLimits = map[string]int{"CronWorkflow": 52, "WorkflowTemplate": 63, "Service": 63}

func (l *linter) cron(c *wfv1.CronWorkflow) {
	spec := c.Spec
	switch {
	case len(spec.Schedules) == 0:
		l.Failf("has no schedule")
	case spec.Timezone == "":
		l.Failf("has no time zone: it would be the controller's")
	case spec.ConcurrencyPolicy != wfv1.ForbidConcurrent:
		l.Failf("concurrency policy %q: Allow runs at the same time, Replace leaves out cleanup", spec.ConcurrencyPolicy)
	}
	if ref := spec.WorkflowSpec.WorkflowTemplateRef; ref == nil || !l.templates[ref.Name] {
		l.Failf("refers to a WorkflowTemplate that is not in the bundle")
	}
	l.braces(c, nil)
}

func (l *linter) workflow(w *wfv1.WorkflowTemplate) {
	if w.Spec.ActiveDeadlineSeconds == nil {
		l.Failf("has no deadline")
	}
	if s := w.Spec.Synchronization; s != nil {
		for _, m := range s.Mutexes {
			for _, problem := range validation.IsDNS1123Label(m.Name) {
				l.Failf("mutex %q: %s", m.Name, problem)
			}
		}
	}
	names := map[string]bool{}
	for i := range w.Spec.Templates {
		t := &w.Spec.Templates[i]
		l.Where = "WorkflowTemplate " + w.Name + ": template " + t.Name
		// Argo makes pod names of them as they are.
		for _, problem := range validation.IsDNS1123Label(t.Name) {
			l.Failf("name: %s", problem)
		}
		if names[t.Name] {
			l.Failf("is there twice")
		}
		names[t.Name] = true
		if t.DAG != nil {
			l.dag(t.DAG)
		}
		if t.Container != nil {
			l.container(t)
		}
		if t.Resource != nil {
			l.start(t)
		}
		l.braces(t, w.Spec.Arguments.Parameters)
	}
}

func (l *linter) dag(d *wfv1.DAGTemplate) {
	if d.FailFast == nil || *d.FailFast {
		l.Failf("fails fast")
	}
	for _, task := range d.Tasks {
		if task.Depends != "" && task.Name[0] >= '0' && task.Name[0] <= '9' {
			l.Failf("task %s: names of tasks with depends cannot begin with a digit", task.Name)
		}
	}
}

// container checks a template that runs a step.
func (l *linter) container(t *wfv1.Template) {
	if len(t.Container.Command) == 0 {
		l.Failf("has no command: the controller would look it up in the registry")
	}
	l.Mounts(t.Volumes, t.Container.VolumeMounts)
	l.pod(t)
}

// start checks a template that starts a run of another WorkflowTemplate. Its manifest
// is a text to everybody until it is applied.
func (l *linter) start(t *wfv1.Template) {
	l.pod(t)
	var w wfv1.Workflow
	if err := yaml.UnmarshalStrict([]byte(t.Resource.Manifest), &w); err != nil {
		l.Failf("manifest: %w", err)
		return
	}
	if t.Resource.Action != "apply" {
		l.Failf("action %q: a start that is tried again must find what it has made", t.Resource.Action)
	}
	name, fixed := strings.CutSuffix(w.Name, variableRunHash)
	if !fixed || w.Namespace == "" || w.Spec.WorkflowTemplateRef == nil {
		l.Failf("manifest: needs a namespace, a WorkflowTemplate, and a name that is the run's own and the same in every attempt")
	}
	for _, problem := range validation.IsDNS1123Label(name + strings.Repeat("0", runHashLength)) {
		l.Failf("manifest: name: %s", problem)
	}
}

// pod checks a template that becomes a pod.
func (l *linter) pod(t *wfv1.Template) {
	if !l.accounts[t.ServiceAccountName] {
		l.Failf("no ServiceAccount %q in the bundle", t.ServiceAccountName)
	}
	if t.Timeout == "" || t.ActiveDeadlineSeconds == nil {
		l.Failf("has no time limit")
	}
	l.retry(t.RetryStrategy)
}

// lastRetry is what Argo gives to retry expressions.
type lastRetry struct {
	ExitCode string `expr:"exitCode"`
	Status   string `expr:"status"`
	Duration string `expr:"duration"`
	Message  string `expr:"message"`
}

func (l *linter) retry(r *wfv1.RetryStrategy) {
	if r == nil || r.Limit == nil {
		l.Failf("has no retry limit: Argo would ignore the backoff")
		return
	}
	environment := map[string]any{"lastRetry": lastRetry{}}
	if _, err := expr.Compile(r.Expression, expr.Env(environment), expr.AsBool()); err != nil {
		l.Failf("retry expression: %v", err)
	}
}

var braces = regexp.MustCompile(`\{\{(.*?)\}\}|\{\{|\}\}`)

// braces checks that nothing but variables of ours looks like one of Argo's.
func (l *linter) braces(part any, params []wfv1.Parameter) {
	known := map[string]bool{variableRun: true, variableAttempt: true, variableRunHash: true}
	for _, p := range params {
		known[variableParam(p.Name)] = true
	}
	if t, ok := part.(*wfv1.Template); ok {
		for _, p := range t.Inputs.Parameters {
			known[variableInput(p.Name)] = true
		}
		if t.DAG != nil {
			for _, task := range t.DAG.Tasks {
				for _, p := range task.Arguments.Parameters {
					// Which outputs there are is for Argo's validator.
					if text := p.Value.String(); strings.HasPrefix(text, "{{tasks.") {
						known[text] = true
					}
				}
			}
		}
	}
	text, err := json.Marshal(part)
	if err != nil {
		l.Failf("%v", err)
		return
	}
	for _, found := range braces.FindAllString(string(text), -1) {
		// JSON itself closes objects in objects with "}}".
		if found != "}}" && !known[found] {
			l.Failf("%s is no variable that is known here", found)
		}
	}
}
