package argo

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	"github.com/expr-lang/expr"
	"sigs.k8s.io/yaml"

	"github.com/backube/scribe-gen/generator/manifest"
	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/templates/enginetest"
)

func TestConformance(t *testing.T) { enginetest.Run(t, Engine{}, inspector{}) }

// inspector reads workflows back.
type inspector struct{}

func (inspector) Pipelines(objects []manifest.Object) (map[string]enginetest.Pipeline, error) {
	pipelines := map[string]enginetest.Pipeline{}
	crons := map[string]*enginetest.Schedule{}
	for _, o := range objects {
		switch o := o.(type) {
		case *wfv1.WorkflowTemplate:
			p, err := pipeline(&o.Spec)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", o.Name, err)
			}
			pipelines[o.Name] = p
		case *wfv1.CronWorkflow:
			crons[o.Spec.WorkflowSpec.WorkflowTemplateRef.Name] = &enginetest.Schedule{
				Cron: strings.Join(o.Spec.Schedules, " and "), TimeZone: o.Spec.Timezone, Suspend: o.Spec.Suspend,
				StartingDeadline: time.Duration(*o.Spec.StartingDeadlineSeconds) * time.Second,
			}
		}
	}
	for name, schedule := range crons {
		p := pipelines[name]
		p.Schedule = schedule
		pipelines[name] = p
	}
	return pipelines, nil
}

func pipeline(w *wfv1.WorkflowSpec) (enginetest.Pipeline, error) {
	p := enginetest.Pipeline{
		Params:    map[string]string{},
		Timeout:   time.Duration(*w.ActiveDeadlineSeconds) * time.Second,
		Exclusive: w.Synchronization != nil && len(w.Synchronization.Mutexes) == 1,
	}
	for _, param := range w.Arguments.Parameters {
		p.Params[param.Name] = param.Value.String()
	}
	var err error
	if p.Steps, p.Starts, err = steps(w, w.Entrypoint); err != nil {
		return p, err
	}
	if w.OnExit != "" {
		p.Finally, err = exitSteps(w)
	}
	return p, err
}

// exitSteps follows the exit handler, which is one step or a group of them.
func exitSteps(w *wfv1.WorkflowSpec) ([]enginetest.Step, error) {
	templates := byName(w)
	handler := templates[w.OnExit]
	if handler.Steps == nil {
		s, err := step(&wfv1.DAGTask{Name: handler.Name}, handler)
		return []enginetest.Step{s}, err
	}
	var list []enginetest.Step
	for _, one := range handler.Steps[0].Steps {
		s, err := step(&wfv1.DAGTask{Name: one.Name}, templates[one.Template])
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

// steps follows the tasks of a DAG to their templates.
func steps(w *wfv1.WorkflowSpec, dag string) (list []enginetest.Step, starts []enginetest.Start, err error) {
	templates := byName(w)
	for _, task := range templates[dag].DAG.Tasks {
		t := templates[task.Template]
		s, err := step(&task, t)
		if err == nil && t.Resource != nil {
			var started enginetest.Start
			started, err = start(s, t)
			starts = append(starts, started)
		} else {
			list = append(list, s)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", task.Name, err)
		}
	}
	return list, starts, nil
}

// start reads the Workflow that a template applies.
func start(s enginetest.Step, t *wfv1.Template) (enginetest.Start, error) {
	var w wfv1.Workflow
	if err := yaml.UnmarshalStrict([]byte(t.Resource.Manifest), &w); err != nil {
		return enginetest.Start{}, err
	}
	return enginetest.Start{
		Step: s, Pipeline: w.Spec.WorkflowTemplateRef.Name, Namespace: w.Namespace, RunLabels: w.Labels,
		Once: t.Resource.Action == "apply" && strings.HasSuffix(w.Name, variableRunHash),
	}, nil
}

func byName(w *wfv1.WorkflowSpec) map[string]*wfv1.Template {
	templates := map[string]*wfv1.Template{}
	for i := range w.Templates {
		templates[w.Templates[i].Name] = &w.Templates[i]
	}
	return templates
}

func step(task *wfv1.DAGTask, original *wfv1.Template) (enginetest.Step, error) {
	t, err := neutral(task, original)
	if err != nil {
		return enginetest.Step{}, err
	}
	s := enginetest.Step{
		Name: task.Name, Volumes: t.Volumes, Security: t.SecurityContext,
		Labels: t.Metadata.Labels, Annotations: t.Metadata.Annotations,
		NodeSelector: t.NodeSelector, Tolerations: t.Tolerations, Affinity: t.Affinity,
		PriorityClassName: t.PriorityClassName, Account: t.ServiceAccountName,
		Outputs: map[string]string{},
		Retries: t.RetryStrategy.Limit.IntValue(),
		Retry:   func(code int) (bool, error) { return again(t.RetryStrategy.Expression, code) },
	}
	if t.Container != nil {
		s.Container = *t.Container
	}
	if task.Depends != "" {
		for _, d := range strings.Split(task.Depends, " && ") {
			s.Needs = append(s.Needs, strings.TrimSuffix(d, ".Succeeded"))
		}
	}
	for _, o := range t.Outputs.Parameters {
		s.Outputs[o.Name] = o.ValueFrom.Path
	}
	if s.Timeout, err = time.ParseDuration(t.Timeout); err != nil {
		return s, err
	}
	if s.Backoff, err = time.ParseDuration(t.RetryStrategy.Backoff.Duration); err != nil {
		return s, err
	}
	s.MaxBackoff, err = time.ParseDuration(t.RetryStrategy.Backoff.Cap)
	return s, err
}

// notation matches Argo's variables and gives the plan's.
var notation = []struct {
	argo *regexp.Regexp
	plan string
}{
	{regexp.MustCompile(`\{\{workflow\.uid\}\}`), strings.ReplaceAll(plan.Run, "$", "$$")},
	{regexp.MustCompile(`\{\{workflow\.parameters\.([^}]*)\}\}`), "$$[params.$1]"},
	{regexp.MustCompile(`\{\{tasks\.([^.]*)\.outputs\.parameters\.([^}]*)\}\}`), "$$[steps.$1.$2]"},
}

// neutral returns the template with its inputs filled in from the task, in the
// plan's notation.
func neutral(task *wfv1.DAGTask, t *wfv1.Template) (*wfv1.Template, error) {
	data, err := json.Marshal(t)
	if err != nil {
		return nil, err
	}
	text := string(data)
	for _, p := range task.Arguments.Parameters {
		text = strings.ReplaceAll(text, "{{inputs.parameters."+p.Name+"}}", p.Value.String())
	}
	for _, n := range notation {
		text = n.argo.ReplaceAllString(text, n.plan)
	}
	var out wfv1.Template
	return &out, json.Unmarshal([]byte(text), &out)
}

// again evaluates a retry expression as the controller does.
func again(expression string, code int) (bool, error) {
	out, err := expr.Eval(expression, map[string]any{"lastRetry": map[string]any{
		"status": "Failed", "exitCode": strconv.Itoa(code), "duration": "1", "message": "",
	}})
	if err != nil {
		return false, err
	}
	result, ok := out.(bool)
	if !ok {
		return false, fmt.Errorf("%q is no condition", expression)
	}
	return result, nil
}
