package argo

import (
	"fmt"
	"slices"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"

	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/templates/internal/podspec"
)

// Inputs of blocks besides the parameters of their steps.
const (
	// InputRun is the run ID; unless it is given, the workflow's UID.
	InputRun = "run-id"
	// InputDeadline is how long one attempt may take, pending time included, such as
	// 24h.
	InputDeadline = "deadline"
)

// Block returns a step as a template for workflows of others: all that it takes from
// elsewhere are its inputs. They are the parameters of the step, in the order of
// their use, then [InputRun] and [InputDeadline]; none but those two has a default.
// Parameters must be named replication and relationship, as pods are labelled with
// them. The step cannot use outputs of other steps.
func Block(role string, s *plan.Step) (wfv1.Template, error) {
	names, err := blockInputs(s)
	if err != nil {
		return wfv1.Template{}, err
	}
	t, err := podTemplate(s, blockVariables(s))
	if err != nil {
		return wfv1.Template{}, err
	}
	for _, name := range names {
		t.Inputs.Parameters = append(t.Inputs.Parameters, wfv1.Parameter{Name: name})
	}
	t.Inputs.Parameters = append(t.Inputs.Parameters,
		wfv1.Parameter{Name: InputRun, Default: wfv1.AnyStringPtr(variableRun)},
		wfv1.Parameter{Name: InputDeadline, Default: wfv1.AnyStringPtr(s.Timeout.String())})
	t.Metadata = wfv1.Metadata{
		Labels:      podspec.Labels(variableInput("replication"), variableInput("relationship"), role, s, variableInput(InputRun)),
		Annotations: podspec.Annotations(s),
	}
	// The other limit takes nothing but a number of seconds.
	t.Timeout, t.ActiveDeadlineSeconds = variableInput(InputDeadline), nil
	return t, nil
}

// blockInputs are the parameters that a step uses, each once.
func blockInputs(s *plan.Step) ([]string, error) {
	used, err := s.Variables()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, v := range used {
		switch {
		case v.Kind == plan.VariableOutput:
			return nil, fmt.Errorf("step %s: a block cannot use output %s of step %s", s.Name, v.Name, v.Step)
		case v.Kind == plan.VariableParam && !slices.Contains(names, v.Name):
			names = append(names, v.Name)
		}
	}
	return names, nil
}

// blockVariables is Argo's notation of the variables in a block.
func blockVariables(s *plan.Step) func(plan.Variable) (string, error) {
	others := variables(s)
	return func(v plan.Variable) (string, error) {
		switch v.Kind {
		case plan.VariableRun:
			return variableInput(InputRun), nil
		case plan.VariableParam:
			return variableInput(v.Name), nil
		}
		return others(v)
	}
}

// Rights are what an account needs in its namespace: the plan's rules, and those
// that Argo itself needs of every account.
func Rights(a plan.Account) []plan.Rule {
	return append([]plan.Rule{taskResults}, a.Rules...)
}
