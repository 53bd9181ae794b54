package apiserver

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/backube/scribe-gen/test/internal/kube"
)

// Every object is taken under strict validation and without a warning, is stored
// as it was applied, and applying it again changes nothing.
func TestBundlesAreStoredAsApplied(t *testing.T) {
	each(t, func(t *testing.T, c *kube.Cluster, f fixture) {
		for _, b := range f.compile(t, c, nil) {
			for i, applied := range c.Install(t, b.objects) {
				what := kube.Describe(b.objects[i])
				assert.Empty(t, applied.Warnings, what)
				live, err := c.Get(t.Context(), b.objects[i])
				require.NoError(t, err)
				f.engine.storedAsApplied(t, b.objects[i], live)
				unchangedByAnother(t, c, b.objects[i])
			}
		}
	})
}

// storedAsApplied compares field by field. In custom resources the server may not
// even add a field: tools for GitOps know the defaults of Kubernetes' own kinds,
// but compare lists of others as a whole, and would report a difference for good.
func (e engine) storedAsApplied(t *testing.T, applied, live *unstructured.Unstructured) {
	t.Helper()
	found := kube.Compare(applied.Object, live.Object)
	assert.Empty(t, found.Lost().String(), "%s: applied -> stored", kube.Describe(applied))
	if applied.GroupVersionKind().Group == e.group {
		assert.Empty(t, found.Below("spec").String(), "%s: defaults that the bundle must have", kube.Describe(applied))
	}
}

// unchangedByAnother applies an object again, first as a dry run as "kubectl diff"
// and GitOps tools do.
func unchangedByAnother(t *testing.T, c *kube.Cluster, object *unstructured.Unstructured) {
	t.Helper()
	what := kube.Describe(object)
	if object.GetKind() == "PersistentVolumeClaim" {
		// The server writes a claim anew at the first application after its creation,
		// though nothing in it differs, and from then on no more.
		_, err := c.Apply(t.Context(), object)
		require.NoError(t, err)
	}
	live, err := c.Get(t.Context(), object)
	require.NoError(t, err)
	for _, options := range [][]kube.Option{{kube.DryRun}, {}} {
		again, err := c.Apply(t.Context(), object, options...)
		require.NoError(t, err)
		assert.Equal(t, live.GetResourceVersion(), again.Object.GetResourceVersion(), what)
		assert.Equal(t, live.GetGeneration(), again.Object.GetGeneration(), what)
		found := kube.Compare(kube.Timeless(live), kube.Timeless(again.Object))
		assert.Empty(t, found.String(), "%s: stored -> applied again", what)
	}
}

// The checks above would see an unknown field, one that is there twice, and a
// warning.
func TestStrictValidationIsOn(t *testing.T) {
	c := server(t)
	namespace := c.Namespace(t, "strict", nil)
	object := func(text string) *unstructured.Unstructured {
		list, err := kube.Decode(strings.NewReader(text))
		require.NoError(t, err)
		list[0].SetNamespace(namespace)
		return list[0]
	}
	for _, wrong := range []string{
		"{apiVersion: argoproj.io/v1alpha1, kind: WorkflowTemplate, metadata: {name: a}, spec: {entrypoynt: main}}",
		"{apiVersion: tekton.dev/v1, kind: Task, metadata: {name: a}, spec: {stebs: [], steps: [{name: a, image: a}]}}",
		"{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, dada: {}}",
	} {
		_, err := c.Apply(t.Context(), object(wrong))
		assert.Regexp(t, "entrypoynt|stebs|dada", err)
	}
	applied, err := c.Apply(t.Context(), object(`{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {
		nodeSelector: {beta.kubernetes.io/os: linux}, automountServiceAccountToken: false,
		containers: [{name: main, image: example.com/image}]}}`), kube.DryRun)
	require.NoError(t, err)
	require.Len(t, applied.Warnings, 1)
	assert.Contains(t, applied.Warnings[0], "beta.kubernetes.io/os")
}
