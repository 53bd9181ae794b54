package catalog

import (
	"maps"
	"slices"
	"strings"

	tektonv1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	"sigs.k8s.io/yaml"

	"github.com/backube/scribe-gen/templates/tekton"
)

// Task is the block for Tekton, with the labels and annotations of its catalog.
func (b *Block) Task() (*tektonv1.Task, error) {
	t, err := tekton.Block(b.Package(), b.Role, &b.Step)
	if err != nil {
		return nil, err
	}
	maps.Copy(t.Labels, labels())
	notes, err := b.annotations()
	if err != nil {
		return nil, err
	}
	maps.Copy(t.Annotations, notes)
	purpose, err := b.purpose()
	if err != nil {
		return nil, err
	}
	t.Spec.Description = b.Summary + ".\n\n" + purpose
	t.Spec.Params = b.tektonParams(t.Spec.Params)
	for i := range t.Spec.Results {
		if t.Spec.Results[i].Description == "" {
			t.Spec.Results[i].Description = outputUsage[t.Spec.Results[i].Name]
		}
	}
	return t, nil
}

// annotations are what Tekton's catalog and Artifact Hub show of a Task.
func (b *Block) annotations() (map[string]string, error) {
	notes := map[string]string{
		"tekton.dev/pipelines.minVersion": tektonVersion,
		"tekton.dev/categories":           "Storage",
		"tekton.dev/tags":                 strings.Join(b.Keywords, ", "),
		"tekton.dev/displayName":          b.Title,
		"tekton.dev/platforms":            platforms,
		"artifacthub.io/category":         category,
		"artifacthub.io/license":          licence,
		"artifacthub.io/provider":         provider,
	}
	for name, list := range map[string]any{
		"artifacthub.io/links":   links,
		"artifacthub.io/changes": changes,
	} {
		text, err := yaml.Marshal(list)
		if err != nil {
			return nil, err
		}
		notes[name] = string(text)
	}
	return notes, nil
}

// tektonParams orders and describes the params of a Task.
func (b *Block) tektonParams(params []tektonv1.ParamSpec) []tektonv1.ParamSpec {
	i := slices.IndexFunc(params, func(p tektonv1.ParamSpec) bool { return p.Name == tekton.ParamRun })
	all := b.Params
	if i >= 0 {
		all = slices.Concat(all, []Param{runParam(params[i].Default.StringVal)})
	}
	list := make([]tektonv1.ParamSpec, len(all))
	for i, p := range all {
		list[i] = tektonv1.ParamSpec{Name: p.Name, Type: tektonv1.ParamTypeString, Description: p.Description}
		if !p.Required {
			list[i].Default = tektonv1.NewStructuredValues(p.Default)
		}
	}
	return list
}

// outputUsage says what outputs are.
var outputUsage = map[string]string{
	"claim":          "the claim to read from: the copy, or the source itself with Direct",
	"recovery-point": "the instant that the copy shows, RFC 3339",
	"method":         "how the copy was made: Clone, Snapshot or Direct",
	"outcome":        "how the step ended: one JSON object",
}
