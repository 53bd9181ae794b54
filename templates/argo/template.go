package argo

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/templates/internal/common"
	"github.com/backube/scribe-gen/templates/internal/podspec"
)

// Argo's variables. The run ID is the workflow's UID, as it is the same for all
// of a run's attempts and pods.
const (
	variableRun     = "{{workflow.uid}}"
	variableAttempt = "{{=asInt(retries)+1}}"
)

func variableInput(name string) string  { return "{{inputs.parameters." + name + "}}" }
func variableParam(name string) string  { return "{{workflow.parameters." + name + "}}" }
func variableOutput(s, o string) string { return "{{tasks." + s + ".outputs.parameters." + o + "}}" }
func outputFile(name string) string     { return podspec.Scratch + "/scribe/" + name }
func inputName(v plan.Variable) string  { return v.Step + "-" + v.Name }

func intOrString(n int) *intstr.IntOrString {
	v := intstr.FromInt32(int32(n))
	return &v
}

// podSpecPatch reaches what a template has no field for: the containers that Argo
// adds, which Pod Security Standard "restricted" and ResourceQuotas refuse as they
// are, and the time that a step has after SIGTERM to tell the other side and to
// report. Without resources, those that Argo's own configuration gives hold.
func podSpecPatch(added corev1.ResourceRequirements) (string, error) {
	more := ""
	if len(added.Requests)+len(added.Limits) > 0 {
		text, err := json.Marshal(added)
		if err != nil {
			return "", fmt.Errorf("resources of the containers that Argo adds: %w", err)
		}
		more = `,"resources":` + string(text)
	}
	return `{"containers":[{"name":"wait","securityContext":` + addedSecurity + more + `}],` +
		`"initContainers":[{"name":"init","securityContext":` + addedSecurity + more + `}],` +
		`"terminationGracePeriodSeconds":60}`, nil
}

const addedSecurity = `{"allowPrivilegeEscalation":false,"capabilities":{"drop":["ALL"]}}`

// dag orders steps, and what is started after them. It does not fail fast: that
// would leave out what has nothing to do with the failure.
func dag(name string, p *plan.Pipeline) wfv1.Template {
	no := false
	d := &wfv1.DAGTemplate{FailFast: &no}
	for i := range p.Steps {
		d.Tasks = append(d.Tasks, task(&p.Steps[i]))
	}
	for _, s := range p.Starts {
		d.Tasks = append(d.Tasks, wfv1.DAGTask{Name: s.Name, Template: s.Name, Depends: succeeded(common.StartStep(p, s).Needs)})
	}
	return wfv1.Template{Name: name, DAG: d}
}

func task(s *plan.Step) wfv1.DAGTask {
	t := wfv1.DAGTask{Name: s.Name, Template: s.Name, Depends: succeeded(s.Needs)}
	for _, v := range outputsUsed(s) {
		t.Arguments.Parameters = append(t.Arguments.Parameters, wfv1.Parameter{
			Name: inputName(v), Value: wfv1.AnyStringPtr(variableOutput(v.Step, v.Name)),
		})
	}
	return t
}

// succeeded is the condition that all the steps have. Their bare names would also let
// a skipped step pass, whose outputs are then waited for until the workflow's deadline.
func succeeded(steps []string) string {
	var conditions []string
	for _, s := range steps {
		conditions = append(conditions, s+".Succeeded")
	}
	return strings.Join(conditions, " && ")
}

// outputsUsed returns the outputs of other steps that a step uses, each once, in
// the order of their use. The plan was checked, so that all variables parse.
func outputsUsed(s *plan.Step) []plan.Variable {
	var used []plan.Variable
	variables, _ := s.Variables()
	for _, v := range variables {
		if v.Kind == plan.VariableOutput && !slices.Contains(used, v) {
			used = append(used, v)
		}
	}
	return used
}

// stepTemplate is one step of a pipeline.
func (r relationship) stepTemplate(p *plan.Pipeline, s *plan.Step) (wfv1.Template, error) {
	t, err := podTemplate(s, variables(s))
	if err != nil {
		return wfv1.Template{}, err
	}
	t.Inputs = inputs(s)
	t.Metadata = wfv1.Metadata{
		Labels:      podspec.Labels(r.Plan.Replication, r.Name, p.Role, s, variableRun),
		Annotations: podspec.Annotations(s),
	}
	return t, nil
}

// podTemplate is a step in a notation of its variables. Everything about its pod is
// here but labels and annotations.
func podTemplate(s *plan.Step, value func(plan.Variable) (string, error)) (wfv1.Template, error) {
	t, err := placedTemplate(s, value)
	if err != nil {
		return t, err
	}
	container, err := podspec.Container("main", s, value)
	if err != nil {
		return t, err
	}
	if t.Volumes, err = podspec.Volumes(s, value); err != nil {
		return t, err
	}
	if t.PodSpecPatch, err = podSpecPatch(s.Pod.Added); err != nil {
		return t, err
	}
	container.Env = []corev1.EnvVar{{Name: contract.AttemptVariable, Value: variableAttempt}}
	t.Container, t.Outputs = &container, outputs(s)
	return t, nil
}

// placedTemplate is what does not depend on what runs in the step's pod: under which
// account, where, how long, and how often it is tried again.
func placedTemplate(s *plan.Step, value func(plan.Variable) (string, error)) (wfv1.Template, error) {
	security, err := podspec.PodSecurity(s.Pod)
	if err != nil {
		return wfv1.Template{}, err
	}
	account, err := plan.Expand(s.Account, value)
	if err != nil {
		return wfv1.Template{}, err
	}
	limit := intstr.FromInt32(*seconds32(s.Timeout))
	return wfv1.Template{
		Name:               s.Name,
		ServiceAccountName: account,
		SecurityContext:    security,
		NodeSelector:       s.Pod.NodeSelector,
		Tolerations:        s.Pod.Tolerations,
		Affinity:           s.Pod.Affinity,
		PriorityClassName:  s.Pod.PriorityClassName,
		RetryStrategy:      retryStrategy(s.Retry),
		// Both: one covers a pod that cannot start, the other one that runs. A pod
		// that no node takes is left to the workflow's deadline.
		Timeout:               s.Timeout.String(),
		ActiveDeadlineSeconds: &limit,
	}, nil
}

// variables returns Argo's notation of the variables in a step's template. Values
// of other steps come in as inputs of the template.
func variables(s *plan.Step) func(plan.Variable) (string, error) {
	return func(v plan.Variable) (string, error) {
		switch v.Kind {
		case plan.VariableRun:
			return variableRun, nil
		case plan.VariableOutput:
			return variableInput(inputName(v)), nil
		case plan.VariableFile:
			return outputFile(v.Name), nil
		case plan.VariableParam:
			return variableParam(v.Name), nil
		}
		m, ok := s.Mount(v.Name)
		if !ok {
			return "", fmt.Errorf("no mount %q", v.Name)
		}
		return m.Path, nil
	}
}

func inputs(s *plan.Step) wfv1.Inputs {
	var in wfv1.Inputs
	for _, v := range outputsUsed(s) {
		in.Parameters = append(in.Parameters, wfv1.Parameter{Name: inputName(v)})
	}
	return in
}

func outputs(s *plan.Step) wfv1.Outputs {
	var out wfv1.Outputs
	for _, o := range s.Outputs {
		out.Parameters = append(out.Parameters, wfv1.Parameter{
			Name: o, ValueFrom: &wfv1.ValueFrom{Path: outputFile(o)},
		})
	}
	return out
}

// retryStrategy: Always, as a pod that was evicted or whose node died counts as
// an error and not as a failure, but never after an exit code that says that
// trying again is useless. Without a limit Argo ignores the backoff. There is no
// maxDuration: it counts from the first start, so that a long transfer that
// fails late would never be tried again.
func retryStrategy(r plan.Retry) *wfv1.RetryStrategy {
	return &wfv1.RetryStrategy{
		Limit:       intOrString(r.Limit),
		RetryPolicy: wfv1.RetryPolicyAlways,
		Expression:  retryExpression(),
		Backoff: &wfv1.Backoff{
			Duration: r.Backoff.String(),
			Factor:   intOrString(2),
			Cap:      r.MaxBackoff.String(),
		},
	}
}

// retryExpression says when to try again; exit codes are strings there.
func retryExpression() string {
	codes := make([]string, len(contract.NoRetry))
	for i, code := range contract.NoRetry {
		codes[i] = fmt.Sprintf("'%d'", code)
	}
	return "lastRetry.status == 'Error' || !(lastRetry.exitCode in [" + strings.Join(codes, ",") + "])"
}
