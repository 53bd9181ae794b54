package generator

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/backube/scribe-gen/generator/manifest"
	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/generator/spec"
)

// fake makes a ConfigMap per site, or fails.
type fake struct {
	name string
	err  error
}

func (f fake) Name() string { return f.name }

func (f fake) Objects(p *plan.Plan, site plan.Site) ([]manifest.Object, error) {
	return []manifest.Object{&corev1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: metav1.ObjectMeta{Name: f.name + "-" + site.Name, Namespace: site.Namespace},
	}}, f.err
}

func parse(t *testing.T, text string) *spec.Replication {
	t.Helper()
	list, problems := spec.Parse("spec.yaml", []byte(text))
	require.Empty(t, problems)
	return list[0]
}

const three = `
apiVersion: scribe.backube/v1alpha1
kind: Replication
metadata: {name: wikidata}
spec:
  sites:
    primary: {namespace: wiki}
    secondary: {namespace: wiki, engine: tekton}
    third: {engine: local, directory: /srv}
  source: {site: primary, persistentVolumeClaim: data}
  destinations:
  - {site: secondary, persistentVolumeClaim: data}
  - {site: third, persistentVolumeClaim: data}
  rsync: {}
`

func TestCompile(t *testing.T) {
	bundles, err := Compile(parse(t, three), fake{name: "argo"}, fake{name: "tekton"})
	require.NoError(t, err)
	require.Len(t, bundles, 2, "a local site has no bundle")
	assert.Equal(t, []string{"ConfigMap argo-primary"}, bundles[0].Summary())
	assert.Equal(t, []string{"ConfigMap tekton-secondary"}, bundles[1].Summary())
}

func TestCompileReportsAllProblems(t *testing.T) {
	bundles, err := Compile(parse(t, three), fake{name: "argo", err: errors.New("no luck")})
	assert.Empty(t, bundles)
	require.ErrorContains(t, err, "no luck")
	var unsupported *plan.UnsupportedError
	require.ErrorAs(t, err, &unsupported)
	assert.Equal(t, "spec.sites.secondary.engine", unsupported.Path)
}
