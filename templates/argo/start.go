package argo

import (
	"encoding/json"
	"fmt"
	"time"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/backube/scribe-gen/generator/manifest"
	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/templates/internal/common"
	"github.com/backube/scribe-gen/templates/internal/podspec"
)

// variableRunHash is hexadecimal digits that follow from the run ID: the longest name
// of a pipeline and the run ID itself would be too long for one name.
const (
	variableRunHash = "{{=sprig.trunc(10, sprig.sha256sum(workflow.uid))}}"
	runHashLength   = 10
)

// labelTemplate is Argo's label of a Workflow's WorkflowTemplate.
const labelTemplate = "workflows.argoproj.io/workflow-template"

// How long finished workflows stay that another started. No schedule's history
// limits hold for them, and there is one for every push.
const (
	keepStartedSucceeded = time.Hour
	keepStartedFailed    = 24 * time.Hour
)

// applyFlags make a start that is tried again find what it has made before, with no
// more rights than to create and to patch. What is applied was checked when it was
// compiled: the executor need not fetch the schema of Workflows for it.
var applyFlags = [...]string{"--server-side", "--validate=ignore"}

// startsRuns is what an account needs where it starts runs: whoever applies needs
// both.
var startsRuns = plan.Rule{
	Group: "argoproj.io", Resources: []string{"workflows"}, Verbs: []string{"create", "patch"},
	Reason: "start runs",
}

// startTemplate applies a Workflow in the namespace of the pipeline that is to run.
// Argo's executor does it; it needs no image of ours.
func (r relationship) startTemplate(p *plan.Pipeline, s plan.Start) (wfv1.Template, error) {
	step := common.StartStep(p, s)
	t, err := placedTemplate(&step, variables(&step))
	if err != nil {
		return t, err
	}
	if t.PodSpecPatch, err = startPatch(step.Pod.Resources); err != nil {
		return t, err
	}
	started, err := r.started(s)
	if err != nil {
		return t, err
	}
	text, err := manifest.Print(started)
	if err != nil {
		return t, fmt.Errorf("start %s: %w", s.Name, err)
	}
	t.Metadata = wfv1.Metadata{
		Labels:      podspec.Labels(r.Plan.Replication, r.Name, p.Role, &step, variableRun),
		Annotations: podspec.Annotations(&step),
	}
	t.Resource = &wfv1.ResourceTemplate{Action: "apply", Flags: applyFlags[:], Manifest: string(text)}
	return t, nil
}

// started is the Workflow: one for each run that starts it, with the labels that a
// run by hand has. It is untyped, as the type prints more than should be applied.
func (r relationship) started(s plan.Start) (*unstructured.Unstructured, error) {
	other, p, err := r.Started(s)
	if err != nil {
		return nil, err
	}
	w := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{
		"workflowTemplateRef": map[string]any{"name": p.Name},
		"ttlStrategy": map[string]any{
			"secondsAfterSuccess": *seconds(keepStartedSucceeded), "secondsAfterFailure": *seconds(keepStartedFailed),
		},
	}}}
	w.SetGroupVersionKind(wfv1.SchemeGroupVersion.WithKind("Workflow"))
	w.SetName(p.Name + "-" + variableRunHash)
	w.SetNamespace(other.Namespace)
	labels := other.RoleLabels(p.Role)
	labels[labelTemplate] = p.Name
	w.SetLabels(labels)
	return w, nil
}

// startPatch is [podSpecPatch] for a pod in which Argo's executor is the main
// container, and nothing waits beside it. Argo locks both containers down itself,
// unless its configuration gives them another security context.
func startPatch(resources corev1.ResourceRequirements) (string, error) {
	text, err := json.Marshal(resources)
	if err != nil {
		return "", fmt.Errorf("resources of the containers that Argo adds: %w", err)
	}
	added := `,"securityContext":` + addedSecurity + `,"resources":` + string(text)
	return `{"containers":[{"name":"main"` + added + `}],"initContainers":[{"name":"init"` + added + `}]}`, nil
}
