package tekton

import (
	"context"
	"encoding/json"
	"flag"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	tektonv1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	corev1 "k8s.io/api/core/v1"
	"knative.dev/pkg/apis"
	"sigs.k8s.io/yaml"

	"github.com/backube/scribe-gen/templates/enginetest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestGolden(t *testing.T) { enginetest.Golden(t, Engine{}, *update, accept) }

// accept decodes every document strictly into its upstream type, as the webhook does,
// and runs Tekton's own defaulting, which must not change it, and validation.
func accept(t *testing.T, stream string) {
	t.Helper()
	own := enginetest.Kinds{
		"Task":     func() any { return &tektonv1.Task{} },
		"Pipeline": func() any { return &tektonv1.Pipeline{} },
	}
	for _, document := range enginetest.Documents(stream) {
		kind, object := enginetest.Decode(t, document, own)
		if o, ok := object.(resource); ok {
			asStored(t, document, o)
		}
		if m, ok := object.(*corev1.ConfigMap); ok {
			for _, key := range []string{SkeletonKey, startKey} {
				if text, ok := m.Data[key]; ok {
					acceptRun(t, text)
				}
			}
		}
		for _, noise := range []string{"status:", "creationTimestamp", "resources: {}\n", "null"} {
			assert.NotContains(t, document, " "+noise, kind)
		}
	}
}

// resource is what the webhook works on.
type resource interface {
	SetDefaults(context.Context)
	Validate(context.Context) *apis.FieldError
}

// asStored checks that the webhook has nothing to add and nothing to complain of: a
// GitOps tool would see a difference for ever.
func asStored(t *testing.T, document string, o resource) {
	t.Helper()
	ctx := apis.WithinCreate(context.Background())
	o.SetDefaults(ctx)
	if problem := o.Validate(ctx); problem != nil {
		assert.NoError(t, problem)
	}
	stored, err := json.Marshal(o)
	require.NoError(t, err)
	var after, before map[string]any
	require.NoError(t, json.Unmarshal(stored, &after))
	require.NoError(t, yaml.Unmarshal([]byte(document), &before))
	delete(after["metadata"].(map[string]any), "creationTimestamp")
	assert.Equal(t, after, before)
}

// acceptRun checks a skeleton as if it were created.
func acceptRun(t *testing.T, text string) {
	t.Helper()
	run := &tektonv1.PipelineRun{}
	require.NoError(t, yaml.UnmarshalStrict([]byte(text), run))
	assert.Empty(t, run.Name)
	assert.NotEmpty(t, run.GenerateName)
	ctx := apis.WithinCreate(context.Background())
	run.Name = run.GenerateName + "abcde" // as the API server does
	run.SetDefaults(ctx)
	if problem := run.Validate(ctx); problem != nil {
		assert.NoError(t, problem)
	}
}
