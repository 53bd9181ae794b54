// Package gitops checks that the example's tree is what GitOps tools make of it:
// every object once, in the right order.
package gitops

import (
	"bytes"
	"os"
	"path"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	syaml "sigs.k8s.io/yaml"
)

// build returns the objects of a site as Flux builds them, with the patches of its
// Kustomization, as "Kind name" in order.
func build(t *testing.T, site string, patches []types.Patch) []string {
	t.Helper()
	disk, memory := filesys.MakeFsOnDisk(), filesys.MakeFsInMemory()
	entries, err := os.ReadDir(site)
	require.NoError(t, err)
	for _, e := range entries {
		data, err := disk.ReadFile(path.Join(site, e.Name()))
		require.NoError(t, err)
		require.NoError(t, memory.WriteFile(path.Join("/site", e.Name()), data))
	}
	overlay, err := syaml.Marshal(map[string]any{"resources": []string{"../site"}, "patches": patches})
	require.NoError(t, err)
	require.NoError(t, memory.WriteFile("/overlay/kustomization.yaml", overlay))
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(memory, "/overlay")
	require.NoError(t, err)
	var objects []string
	for _, r := range built.Resources() {
		objects = append(objects, r.GetKind()+" "+r.GetName())
	}
	return objects
}

// kustomization is what the test knows of Flux's.
type kustomization struct {
	Metadata struct{ Name string }
	Spec     struct {
		Path      string
		DependsOn []struct{ Name string }
		Patches   []types.Patch
	}
}

// kustomizations are those of the site, in a file.
func kustomizations(t *testing.T, file, site string) (list []kustomization) {
	t.Helper()
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(data), 4096)
	for {
		var k kustomization
		if decoder.Decode(&k) != nil {
			break
		}
		if k.Spec.Path == "./sites/"+site {
			list = append(list, k)
		}
	}
	return list
}

// Each Kustomization of Flux has a part of the site, and together they have all. No
// CronWorkflow is applied together with its template, and what may never be ready is
// not waited for.
func TestFluxSplitsTheSite(t *testing.T) {
	list := kustomizations(t, "flux-west.yaml", "west")
	require.Len(t, list, 2)
	early, late := list[0], list[1]
	assert.Equal(t, early.Metadata.Name, late.Spec.DependsOn[0].Name)

	all := build(t, "west", nil)
	first, second := build(t, "west", early.Spec.Patches), build(t, "west", late.Spec.Patches)
	assert.ElementsMatch(t, all, append(first, second...))
	assert.Equal(t, []string{"CronWorkflow scribe-photos-east-src"}, second)
	assert.Contains(t, first, "WorkflowTemplate scribe-photos-east-src")
}

func TestFluxAppliesTheOtherSiteWhole(t *testing.T) {
	list := kustomizations(t, "flux-east.yaml", "east")
	require.Len(t, list, 1)
	assert.Empty(t, list[0].Spec.Patches)
	all := build(t, "east", nil)
	assert.Contains(t, all, "PersistentVolumeClaim photos")
	assert.Contains(t, all, "CronJob scribe-photos-east-dst")
}
