package apiserver

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/backube/scribe-gen/generator/manifest"
	"github.com/backube/scribe-gen/generator/spec"
	"github.com/backube/scribe-gen/test/cluster/boot"
	"github.com/backube/scribe-gen/test/internal/kube"
)

// kubectl runs it and returns what it prints. An exit code other than 0, as of a
// diff that is not empty, fails the test.
func kubectl(t *testing.T, args ...string) string {
	t.Helper()
	cluster, err := boot.Open(name)
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), cluster.Binary("kubectl"), args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+cluster.Kubeconfig)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "kubectl %v: %s", args, out)
	return string(out)
}

// versions are the resource versions of the bundle's objects.
func versions(t *testing.T, c *kube.Cluster, b bundle) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, o := range b.objects {
		live, err := c.Get(t.Context(), o)
		require.NoError(t, err)
		found[kube.Describe(o)] = live.GetResourceVersion()
	}
	return found
}

// The tree that is written for Git is applied as a file and as a kustomization, by
// the client and by the server: nothing but the first time changes anything, and
// there is never a difference.
func TestTreeIsAppliedOnce(t *testing.T) {
	perEngine(t, func(t *testing.T, c *kube.Cluster, e engine) {
		f := named(t, e, "wikidata")
		for _, way := range []string{"--server-side=false", "--server-side=true"} {
			t.Run(way, func(t *testing.T) {
				t.Parallel()
				// A schedule that is due would change its CronJob.
				for _, b := range f.compileIn(t, f.namespaces(t, c, nil), suspended) {
					appliedOnce(t, c, f, b, way)
				}
			})
		}
	})
}

func suspended(r *spec.Replication) { r.Spec.Schedule.Suspend = true }

// appliedOnce writes the bundle's tree and applies it one way.
func appliedOnce(t *testing.T, c *kube.Cluster, f fixture, b bundle, way string) {
	t.Helper()
	dir := t.TempDir()
	_, err := manifest.Write(dir, []manifest.Bundle{{Site: b.Name, Replication: f.name, Objects: b.typed}})
	require.NoError(t, err)
	site := filepath.Join(dir, b.Name)
	file := filepath.Join(site, f.name+".yaml")

	kubectl(t, "apply", "--validate=strict", way, "-f", file)
	first := versions(t, c, b)
	kubectl(t, "apply", "--validate=strict", way, "-f", file)
	second := versions(t, c, b)
	kubectl(t, "apply", "--validate=strict", way, "-k", site)
	kubectl(t, "diff", way, "-k", site)
	assert.Equal(t, second, versions(t, c, b))
	for _, o := range b.objects {
		// The server writes a claim anew when it is applied for the second time.
		if o.GetKind() == "PersistentVolumeClaim" {
			delete(first, kube.Describe(o))
			delete(second, kube.Describe(o))
		}
	}
	assert.Equal(t, first, second)
}

// gitopsKinds are the definitions of the tools' kinds, in the modules of the tools.
var gitopsKinds = []struct{ module, file string }{
	{"github.com/argoproj/argo-cd/v3@v3.1.0", "manifests/crds/applicationset-crd.yaml"},
	{"github.com/fluxcd/kustomize-controller@v1.9.5", "config/crd/bases/kustomize.toolkit.fluxcd.io_kustomizations.yaml"},
}

// The example's objects for Argo CD and Flux are taken under strict validation.
func TestGitOpsExampleIsValid(t *testing.T) {
	c := server(t)
	for _, k := range gitopsKinds {
		data, err := os.ReadFile(filepath.Join(module(t, k.module), k.file))
		require.NoError(t, err)
		define(t, c, data)
	}
	namespace := c.Namespace(t, "gitops", nil)
	for _, name := range []string{"applicationset.yaml", "flux-west.yaml", "flux-east.yaml"} {
		file, err := os.Open(filepath.Join("../../examples/gitops", name))
		require.NoError(t, err)
		t.Cleanup(func() { file.Close() })
		objects, err := kube.Decode(file)
		require.NoError(t, err)
		require.NotEmpty(t, objects)
		for _, o := range objects {
			o.SetNamespace(namespace)
			_, err := c.Apply(t.Context(), o, kube.DryRun)
			assert.NoError(t, err, name)

			require.NoError(t, unstructured.SetNestedField(o.Object, true, "spec", "nonesuch"))
			_, err = c.Apply(t.Context(), o, kube.DryRun)
			assert.ErrorContains(t, err, "nonesuch", "the check sees what is not valid")
		}
	}
}

// module returns the directory of a module's source.
func module(t *testing.T, name string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", name)
	cmd.Dir = t.TempDir() // in no module: nothing else depends on it
	out, err := cmd.Output()
	require.NoError(t, err, string(out))
	var found struct{ Dir string }
	require.NoError(t, json.Unmarshal(out, &found))
	return found.Dir
}

// define makes a kind known to the server.
func define(t *testing.T, c *kube.Cluster, data []byte) {
	t.Helper()
	definition := &unstructured.Unstructured{}
	require.NoError(t, yaml.Unmarshal(data, &definition.Object))
	_, err := c.Apply(t.Context(), definition)
	require.NoError(t, err)
	_, err = c.Until(t.Context(), definition, time.Minute, "an established definition", func(o *unstructured.Unstructured) (bool, error) {
		if o == nil {
			return false, nil
		}
		// The list is null at first.
		found, _, err := unstructured.NestedFieldNoCopy(o.Object, "status", "conditions")
		conditions, _ := found.([]any)
		return slices.ContainsFunc(conditions, func(c any) bool {
			condition, _ := c.(map[string]any)
			return condition["type"] == "Established" && condition["status"] == "True"
		}), err
	})
	require.NoError(t, err)
}
