package tekton

import (
	"fmt"
	"slices"

	tektonv1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"

	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/steps/contract"
)

// Tekton's variables. The run ID is the PipelineRun's UID, which only the Pipeline
// knows: it hands it to the Tasks.
const (
	variableUID  = "$(context.pipelineRun.uid)"
	variableName = "$(context.pipelineRun.name)"
)

func variableParam(name string) string        { return "$(params." + name + ")" }
func variableResult(step, name string) string { return "$(tasks." + step + ".results." + name + ")" }
func resultPath(name string) string           { return "$(results." + name + ".path)" }

// paramName is the param of a Task that stands for a variable of the plan.
func paramName(v plan.Variable) string {
	switch v.Kind {
	case plan.VariableRun:
		return ParamRun
	case plan.VariableOutput:
		return v.Step + "-" + v.Name
	}
	return v.Name
}

// variables returns Tekton's notation of the variables in a step's Task.
func variables(s *plan.Step) func(plan.Variable) (string, error) {
	return func(v plan.Variable) (string, error) {
		switch v.Kind {
		case plan.VariableRun, plan.VariableOutput, plan.VariableParam:
			return variableParam(paramName(v)), nil
		case plan.VariableFile:
			return resultPath(v.Name), nil
		}
		m, ok := s.Mount(v.Name)
		if !ok {
			return "", fmt.Errorf("no mount %q", v.Name)
		}
		return m.Path, nil
	}
}

// inputs returns the variables that a step's Task takes as params, each once, in
// the order of their use. The plan was checked, so that all variables parse.
func inputs(s *plan.Step) []plan.Variable {
	var used []plan.Variable
	all, _ := s.Variables()
	for _, v := range all {
		comesIn := v.Kind == plan.VariableRun || v.Kind == plan.VariableOutput || v.Kind == plan.VariableParam
		if comesIn && !slices.Contains(used, v) {
			used = append(used, v)
		}
	}
	return used
}

func params(s *plan.Step) []tektonv1.ParamSpec {
	var list []tektonv1.ParamSpec
	for _, v := range inputs(s) {
		list = append(list, textParam(paramName(v)))
	}
	return list
}

func textParam(name string) tektonv1.ParamSpec {
	return tektonv1.ParamSpec{Name: name, Type: tektonv1.ParamTypeString}
}

// results are the outputs that later steps use, and the step's last word: Tekton keeps
// results in the container's termination message, where other engines look for it.
func results(s *plan.Step) []tektonv1.TaskResult {
	var list []tektonv1.TaskResult
	for _, name := range s.Outputs {
		list = append(list, tektonv1.TaskResult{Name: name, Type: tektonv1.ResultsTypeString})
	}
	return append(list, tektonv1.TaskResult{
		Name: contract.OutcomeResult, Type: tektonv1.ResultsTypeString,
		Description: "how the step ended: one JSON object",
	})
}

// arguments are what the Pipeline gives to the params of a step's Task.
func arguments(p *plan.Pipeline, s *plan.Step) tektonv1.Params {
	var list tektonv1.Params
	give := func(name, value string) {
		list = append(list, tektonv1.Param{Name: name, Value: *tektonv1.NewStructuredValues(value)})
	}
	for _, v := range inputs(s) {
		switch v.Kind {
		case plan.VariableRun:
			give(ParamRun, variableUID)
		case plan.VariableOutput:
			give(paramName(v), variableResult(v.Step, v.Name))
		default:
			give(v.Name, variableParam(v.Name))
		}
	}
	if waitsForTurn(p, s) {
		give(ParamPipeline, p.Name)
		give(paramRunName, variableName)
	}
	return list
}
