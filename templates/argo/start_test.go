package argo

import (
	"encoding/json"
	"testing"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	"github.com/argoproj/argo-workflows/v3/util/template"
	"github.com/argoproj/argo-workflows/v3/workflow/templateresolution"
	"github.com/argoproj/argo-workflows/v3/workflow/validate"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/yaml"

	"github.com/backube/scribe-gen/templates/enginetest"
)

const runID = "0f0e9f84-7d0c-4b6a-9b0e-1d2c3b4a5f60"

// filled is the template as the controller fills it in for a run.
func filled(t *testing.T, original *wfv1.Template, run string) *wfv1.Template {
	t.Helper()
	text, err := json.Marshal(original)
	require.NoError(t, err)
	for range 2 { // in several passes, which must agree
		replaced, err := template.Replace(string(text), map[string]string{"workflow.uid": run}, true)
		require.NoError(t, err)
		text = []byte(replaced)
	}
	var out wfv1.Template
	require.NoError(t, json.Unmarshal(text, &out))
	return &out
}

// What is applied is a Workflow that Argo takes, at the edge that has its template,
// and has one name for each run that starts it.
func TestStartedWorkflow(t *testing.T) {
	start := startOf(t, enginetest.ObjectsAt(t, Engine{}, "fan-out/hub"))
	names := map[string]bool{}
	for _, run := range []string{runID, runID, "1" + runID[1:]} {
		var w wfv1.Workflow
		require.NoError(t, yaml.UnmarshalStrict([]byte(filled(t, start, run).Resource.Manifest), &w))
		assert.Regexp(t, "^scribe-catalog-branch-dst-[0-9a-f]{10}$", w.Name)
		names[w.Name] = true
		templates := getter{}
		for _, o := range enginetest.ObjectsAt(t, Engine{}, "fan-out/branch") {
			if o, ok := o.(*wfv1.WorkflowTemplate); ok {
				templates[o.Name] = o
			}
		}
		assert.NoError(t, validate.ValidateWorkflow(templates, &templateresolution.NullClusterWorkflowTemplateGetter{}, &w, nil, validate.ValidateOpts{Lint: true}))
	}
	assert.Len(t, names, 2)
}

// A failure of a start is the run's, and neither start waits for the other.
func TestStartsStandAlone(t *testing.T) {
	w := enginetest.Find[*wfv1.WorkflowTemplate](t, enginetest.ObjectsAt(t, Engine{}, "fan-out/hub"))
	d := w.Spec.Templates[0].DAG
	assert.False(t, *d.FailFast)
	require.Len(t, d.Tasks, 4)
	for _, task := range d.Tasks[2:] {
		assert.Equal(t, "push.Succeeded", task.Depends)
		assert.Nil(t, task.ContinueOn)
	}
}

// Nothing waits beside a start: a patch of a container that is not there would add it.
func TestStartPatch(t *testing.T) {
	resources := corev1.ResourceRequirements{Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("256Mi")}}
	text, err := startPatch(resources)
	require.NoError(t, err)
	var patch corev1.PodSpec
	require.NoError(t, yaml.UnmarshalStrict([]byte(text), &patch))
	require.Len(t, patch.InitContainers, 1)
	require.Len(t, patch.Containers, 1)
	for name, c := range map[string]corev1.Container{"init": patch.InitContainers[0], "main": patch.Containers[0]} {
		assert.Equal(t, name, c.Name)
		assert.Equal(t, resources, c.Resources)
		assert.False(t, *c.SecurityContext.AllowPrivilegeEscalation)
		assert.Equal(t, []corev1.Capability{"ALL"}, c.SecurityContext.Capabilities.Drop)
	}
}
