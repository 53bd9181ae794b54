package catalog

import (
	"bytes"
	"context"
	"flag"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	"github.com/argoproj/argo-workflows/v3/workflow/templateresolution"
	"github.com/argoproj/argo-workflows/v3/workflow/validate"
	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v4/apis/volumesnapshot/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	tektonv1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"

	"github.com/backube/scribe-gen/generator/manifest"
	"github.com/backube/scribe-gen/steps/contract"
)

// kinds are those of all objects of the catalog.
var kinds = map[string]func() manifest.Object{
	"ServiceAccount":          func() manifest.Object { return &corev1.ServiceAccount{} },
	"Role":                    func() manifest.Object { return &rbacv1.Role{} },
	"RoleBinding":             func() manifest.Object { return &rbacv1.RoleBinding{} },
	"ClusterRole":             func() manifest.Object { return &rbacv1.ClusterRole{} },
	"ConfigMap":               func() manifest.Object { return &corev1.ConfigMap{} },
	"Pod":                     func() manifest.Object { return &corev1.Pod{} },
	"Service":                 func() manifest.Object { return &corev1.Service{} },
	"PersistentVolumeClaim":   func() manifest.Object { return &corev1.PersistentVolumeClaim{} },
	"VolumeSnapshot":          func() manifest.Object { return &snapshotv1.VolumeSnapshot{} },
	"WorkflowTemplate":        func() manifest.Object { return &wfv1.WorkflowTemplate{} },
	"ClusterWorkflowTemplate": func() manifest.Object { return &wfv1.ClusterWorkflowTemplate{} },
	"Workflow":                func() manifest.Object { return &wfv1.Workflow{} },
	"Task":                    func() manifest.Object { return &tektonv1.Task{} },
	"TaskRun":                 func() manifest.Object { return &tektonv1.TaskRun{} },
	"Pipeline":                func() manifest.Object { return &tektonv1.Pipeline{} },
	"PipelineRun":             func() manifest.Object { return &tektonv1.PipelineRun{} },
}

// decode reads a stream of objects strictly into their types.
func decode(t *testing.T, name string, stream []byte) []manifest.Object {
	t.Helper()
	var objects []manifest.Object
	for document := range bytes.SplitSeq(stream, []byte("\n---\n")) {
		var kind struct{ Kind string }
		require.NoError(t, yaml.Unmarshal(document, &kind), name)
		require.Contains(t, kinds, kind.Kind, name)
		object := kinds[kind.Kind]()
		require.NoError(t, yaml.UnmarshalStrict(document, object), name)
		objects = append(objects, object)
	}
	return objects
}

// packages calls look for every package of an edition.
func packages(t *testing.T, look func(t *testing.T, e edition, b *Block, files map[string][]byte)) {
	t.Helper()
	blocks, err := Blocks()
	require.NoError(t, err)
	for _, e := range editions {
		for _, b := range blocks {
			t.Run(path.Join(e.Root, b.Name), func(t *testing.T) {
				files, err := e.pack(b)
				require.NoError(t, err)
				look(t, e, b, files)
			})
		}
	}
}

// Every object decodes strictly and passes the validators of the engines.
func TestEnginesAccept(t *testing.T) {
	packages(t, func(t *testing.T, _ edition, _ *Block, files map[string][]byte) {
		templates := templates{}
		for _, name := range slices.Sorted(maps.Keys(files)) {
			if path.Ext(name) != ".yaml" {
				continue
			}
			for _, o := range decode(t, name, files[name]) {
				assert.Empty(t, o.GetNamespace(), "%s: objects are for any namespace", name)
				accept(t, templates, o)
			}
		}
	})
}

func accept(t *testing.T, known templates, o manifest.Object) {
	t.Helper()
	ctx := context.Background()
	none := &templateresolution.NullClusterWorkflowTemplateGetter{}
	lint := validate.ValidateOpts{Lint: true}
	switch o := o.(type) {
	case *wfv1.WorkflowTemplate:
		known[o.Name] = o
		assert.NoError(t, validate.ValidateWorkflowTemplate(known, none, o, nil, lint))
	case *wfv1.ClusterWorkflowTemplate:
		assert.NoError(t, validate.ValidateClusterWorkflowTemplate(known, none, o, nil, lint))
	case *wfv1.Workflow:
		assert.NoError(t, validate.ValidateWorkflow(known, none, o, nil, lint))
	case *tektonv1.Task:
		before := o.DeepCopy()
		o.SetDefaults(ctx)
		assert.Equal(t, before, o, "Tekton's defaults are set")
		if err := o.Validate(ctx); err != nil {
			assert.NoError(t, err)
		}
	case *tektonv1.Pipeline:
		before := o.DeepCopy()
		o.SetDefaults(ctx)
		assert.Equal(t, before, o, "Tekton's defaults are set")
		if err := o.Validate(ctx); err != nil {
			assert.NoError(t, err)
		}
	case *tektonv1.PipelineRun:
		o.SetDefaults(ctx)
		if err := o.Spec.Validate(ctx); err != nil {
			assert.NoError(t, err)
		}
	case *tektonv1.TaskRun:
		o.SetDefaults(ctx)
		if err := o.Spec.Validate(ctx); err != nil {
			assert.NoError(t, err)
		}
	}
}

// templates finds WorkflowTemplates by name, as the API server does.
type templates map[string]*wfv1.WorkflowTemplate

func (g templates) Get(name string) (*wfv1.WorkflowTemplate, error) { return g[name], nil }

// The sample of a run gives every parameter that must be given, and none that is not
// there.
func TestSamplesFit(t *testing.T) {
	packages(t, func(t *testing.T, e edition, b *Block, files map[string][]byte) {
		given := map[string]bool{}
		switch run := decode(t, "run.yaml", files["samples/run.yaml"])[0].(type) {
		case *wfv1.Workflow:
			for _, p := range run.Spec.Arguments.Parameters {
				given[p.Name] = true
			}
		case *tektonv1.TaskRun:
			for _, p := range run.Spec.Params {
				given[p.Name] = true
			}
			assert.Equal(t, b.Package(), run.Spec.ServiceAccountName)
		}
		params, err := e.params(b)
		require.NoError(t, err)
		for _, p := range params {
			assert.False(t, p.Required && !given[p.Name], "%s is not given", p.Name)
			delete(given, p.Name)
		}
		assert.Empty(t, given)
	})
}

// Nothing that looks like a variable of an engine is unknown to it: neither the
// webhook nor lint looks at volumes.
func TestVariablesAreKnown(t *testing.T) {
	packages(t, func(t *testing.T, e edition, b *Block, files map[string][]byte) {
		text := string(files[e.manifestOf(b)])
		params, err := e.params(b)
		require.NoError(t, err)
		for _, p := range params {
			variable := "$(params." + p.Name + ")"
			if e.argo() {
				variable = "{{inputs.parameters." + p.Name + "}}"
			}
			assert.Contains(t, text, variable, "parameter %s has no effect", p.Name)
			text = strings.ReplaceAll(text, variable, "")
		}
		for _, known := range []string{
			"{{workflow.uid}}", "{{=asInt(retries)+1}}", "$(context.taskRun.uid)", "$(context.taskRun.name)",
			"$(results.claim.path)", "$(results.recovery-point.path)", "$(results.method.path)", "$(results.outcome.path)",
		} {
			text = strings.ReplaceAll(text, known, "")
		}
		for _, sign := range []string{"{{", "$(", "$["} {
			assert.NotContains(t, text, sign)
		}
	})
}

// Each flag of a step is a parameter, or its value follows from the pod, or there is
// a reason why it is neither.
func TestEveryFlagIsDecided(t *testing.T) {
	blocks, err := Blocks()
	require.NoError(t, err)
	for _, b := range blocks {
		decided := map[string]bool{}
		for _, s := range b.Step.Settings {
			decided[s.Flag] = true
		}
		for _, arg := range contract.Args(b.Step.Command) {
			name, _, _ := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
			decided[name] = true
		}
		contract.Flags(b.Step.Command).VisitAll(func(f *flag.Flag) {
			assert.True(t, decided[f.Name] || leftOut[f.Name] != "", "%s: nobody sets %s", b.Name, f.Name)
		})
	}
}
