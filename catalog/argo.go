package catalog

import (
	"slices"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/templates/argo"
)

// argoTemplate is the template of a block, whose name is the block's.
func (b *Block) argoTemplate() (wfv1.Template, error) {
	s := b.Step
	s.Account = plan.ParamValue(paramAccount)
	t, err := argo.Block(b.Role, &s)
	if err != nil {
		return t, err
	}
	t.Name = b.Name
	params := b.argoInputs(t.Inputs)
	t.Inputs.Parameters = nil
	for _, p := range params {
		input := wfv1.Parameter{Name: p.Name, Description: wfv1.AnyStringPtr(p.Description)}
		if !p.Required {
			input.Default = wfv1.AnyStringPtr(p.Default)
		}
		t.Inputs.Parameters = append(t.Inputs.Parameters, input)
	}
	return t, nil
}

// argoInputs are the block's parameters under Argo, with the default of the run ID
// that the template has.
func (b *Block) argoInputs(in wfv1.Inputs) []Param {
	i := slices.IndexFunc(in.Parameters, func(p wfv1.Parameter) bool { return p.Name == argo.InputRun })
	return slices.Concat(b.Params, b.argoParams(), []Param{runParam(in.Parameters[i].Default.String())})
}

// argoSpec is what both kinds of templates have. Whoever runs the template as it is
// gives the same parameters as arguments; whoever refers to it from a workflow of
// their own gets nothing but the template itself, so all of the pod is in there.
func (b *Block) argoSpec() (wfv1.WorkflowSpec, error) {
	t, err := b.argoTemplate()
	if err != nil {
		return wfv1.WorkflowSpec{}, err
	}
	spec := wfv1.WorkflowSpec{
		Entrypoint: t.Name,
		// A finished pod holds its claims: a copy that is removed would stay.
		PodGC:     &wfv1.PodGC{Strategy: wfv1.PodGCOnPodCompletion, DeleteDelayDuration: "0s"},
		Templates: []wfv1.Template{t},
	}
	for _, p := range t.Inputs.Parameters {
		if p.Name == argo.InputRun {
			continue // its default is a variable, which arguments cannot have
		}
		spec.Arguments.Parameters = append(spec.Arguments.Parameters,
			wfv1.Parameter{Name: p.Name, Value: p.Default, Description: p.Description})
	}
	return spec, nil
}

// WorkflowTemplate is the block for workflows of one namespace.
func (b *Block) WorkflowTemplate() (*wfv1.WorkflowTemplate, error) {
	spec, err := b.argoSpec()
	return &wfv1.WorkflowTemplate{
		TypeMeta:   metav1.TypeMeta{APIVersion: wfv1.SchemeGroupVersion.String(), Kind: "WorkflowTemplate"},
		ObjectMeta: b.argoMeta(), Spec: spec,
	}, err
}

// ClusterWorkflowTemplate is the block for workflows of all namespaces.
func (b *Block) ClusterWorkflowTemplate() (*wfv1.ClusterWorkflowTemplate, error) {
	spec, err := b.argoSpec()
	return &wfv1.ClusterWorkflowTemplate{
		TypeMeta:   metav1.TypeMeta{APIVersion: wfv1.SchemeGroupVersion.String(), Kind: "ClusterWorkflowTemplate"},
		ObjectMeta: b.argoMeta(), Spec: spec,
	}, err
}

func (b *Block) argoMeta() metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Name:        b.Package(),
		Labels:      labels(),
		Annotations: map[string]string{"workflows.argoproj.io/description": b.Summary + ".", "workflows.argoproj.io/version": argoVersion},
	}
}

// labels are those of every object of the catalog.
func labels() map[string]string {
	return map[string]string{
		"app.kubernetes.io/part-of": "scribe-gen",
		"app.kubernetes.io/version": Version,
	}
}
