package argo

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	"github.com/argoproj/argo-workflows/v3/workflow/templateresolution"
	"github.com/argoproj/argo-workflows/v3/workflow/validate"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"

	"github.com/backube/scribe-gen/generator"
	"github.com/backube/scribe-gen/generator/manifest"
	"github.com/backube/scribe-gen/generator/spec"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const specFile = "spec.yaml"

func compile(t *testing.T, file string) []manifest.Bundle {
	t.Helper()
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	list, problems := spec.Parse(file, data)
	require.Empty(t, problems)
	require.Len(t, list, 1)
	bundles, err := generator.Compile(list[0], Engine{})
	require.NoError(t, err)
	return bundles
}

func encode(t *testing.T, bundles ...manifest.Bundle) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, manifest.Encode(&out, bundles))
	return out.String()
}

// Each folder of testdata is a case: spec.yaml and what it must compile to, one
// file per site and no others.
func TestGolden(t *testing.T) {
	cases, err := filepath.Glob(filepath.Join("testdata", "*", specFile))
	require.NoError(t, err)
	require.NotEmpty(t, cases)
	for _, file := range cases {
		dir := filepath.Dir(file)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			bundles := compile(t, file)
			assert.Equal(t, encode(t, bundles...), encode(t, compile(t, file)...), "twice the same")
			expected := map[string]bool{filepath.Join(dir, specFile): true}
			for _, b := range bundles {
				golden := filepath.Join(dir, b.Site+".yaml")
				expected[golden] = true
				got := encode(t, b)
				if *update {
					require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
				}
				want, err := os.ReadFile(golden)
				require.NoError(t, err, "run the tests with -update")
				assert.Equal(t, string(want), got)
				accept(t, string(want))
			}
			files, err := filepath.Glob(filepath.Join(dir, "*"))
			require.NoError(t, err)
			for _, f := range files {
				assert.True(t, expected[f], "%s belongs to no site", f)
			}
		})
	}
}

// accept decodes every document strictly into its upstream type and runs Argo's
// own validators, so that a mistake that was made golden does not hide.
func accept(t *testing.T, stream string) {
	t.Helper()
	types := map[string]func() any{
		"ServiceAccount":        func() any { return &corev1.ServiceAccount{} },
		"Role":                  func() any { return &rbacv1.Role{} },
		"RoleBinding":           func() any { return &rbacv1.RoleBinding{} },
		"ClusterRole":           func() any { return &rbacv1.ClusterRole{} },
		"ClusterRoleBinding":    func() any { return &rbacv1.ClusterRoleBinding{} },
		"ConfigMap":             func() any { return &corev1.ConfigMap{} },
		"PersistentVolumeClaim": func() any { return &corev1.PersistentVolumeClaim{} },
		"Service":               func() any { return &corev1.Service{} },
		"NetworkPolicy":         func() any { return &networkingv1.NetworkPolicy{} },
		"WorkflowTemplate":      func() any { return &wfv1.WorkflowTemplate{} },
		"CronWorkflow":          func() any { return &wfv1.CronWorkflow{} },
	}
	templates := getter{}
	var crons []*wfv1.CronWorkflow
	for _, document := range strings.Split(stream, "---\n")[1:] {
		var kind struct{ Kind string }
		require.NoError(t, yaml.Unmarshal([]byte(document), &kind))
		require.Contains(t, types, kind.Kind)
		object := types[kind.Kind]()
		require.NoError(t, yaml.UnmarshalStrict([]byte(document), object), document)
		switch o := object.(type) {
		case *wfv1.WorkflowTemplate:
			templates[o.Name] = o
		case *wfv1.CronWorkflow:
			crons = append(crons, o)
		}
		for _, noise := range []string{"status:", "creationTimestamp", "inputs: {}", "outputs: {}", "metadata: {}", "resources: {}", "arguments: {}", "null"} {
			assert.NotContains(t, document, noise, kind.Kind)
		}
	}
	clusterTemplates := &templateresolution.NullClusterWorkflowTemplateGetter{}
	for _, w := range templates {
		assert.NoError(t, validate.ValidateWorkflowTemplate(templates, clusterTemplates, w, nil, validate.ValidateOpts{Lint: true}))
	}
	for _, c := range crons {
		assert.NoError(t, validate.ValidateCronWorkflow(context.Background(), templates, clusterTemplates, c, nil))
	}
}

// getter finds templates by name, as the API server does.
type getter map[string]*wfv1.WorkflowTemplate

func (g getter) Get(name string) (*wfv1.WorkflowTemplate, error) {
	if w, ok := g[name]; ok {
		return w, nil
	}
	return nil, os.ErrNotExist
}
