package apiserver

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/backube/scribe-gen/generator"
	"github.com/backube/scribe-gen/generator/manifest"
	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/generator/spec"
	"github.com/backube/scribe-gen/test/internal/kube"
)

// fixture is a replication to compile for an engine. Its namespaces are prefixes of
// those that the tests make.
type fixture struct {
	engine engine
	name   string
	// file and data are where it is read.
	file string
	data []byte
}

// fixtures are all examples of the project and the cases of this package.
func fixtures(t *testing.T, e engine) []fixture {
	t.Helper()
	var files []string
	for _, pattern := range []string{"../../examples/*/replication.yaml", "testdata/*.yaml"} {
		found, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, found, pattern)
		files = append(files, found...)
	}
	list := longest(e)
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, document := range strings.Split(string(data), "\n---\n") {
			f := fixture{engine: e, file: file, data: []byte(document)}
			f.name = f.parse(t).Metadata.Name
			list = append(list, f)
		}
	}
	return list
}

// named returns the fixture of a replication.
func named(t *testing.T, e engine, replication string) fixture {
	t.Helper()
	for _, f := range fixtures(t, e) {
		if f.name == replication {
			return f
		}
	}
	require.Fail(t, "no fixture", replication)
	return fixture{}
}

// parse reads the replication anew, with the engine at every site.
func (f fixture) parse(t *testing.T, changes ...spec.Change) *spec.Replication {
	t.Helper()
	list, problems := spec.Parse(f.file, f.data, append(changes, spec.WithEngine(spec.Engine(f.engine.Name())))...)
	require.Empty(t, problems)
	require.Len(t, list, 1)
	return list[0]
}

// bundle is what one site of a compiled fixture applies.
type bundle struct {
	plan.Site
	engine engine
	// typed are the compiler's objects, objects the same as printed.
	typed   []manifest.Object
	objects []*unstructured.Unstructured
}

// compile compiles the fixture for fresh namespaces with the labels.
func (f fixture) compile(t *testing.T, c *kube.Cluster, labels map[string]string) []bundle {
	t.Helper()
	return f.compileIn(t, f.namespaces(t, c, labels))
}

// asWritten compiles the fixture for the namespaces that it names.
func (f fixture) asWritten(t *testing.T) []bundle {
	t.Helper()
	same := map[string]string{}
	for _, site := range f.parse(t).Spec.Sites {
		same[site.Namespace] = site.Namespace
	}
	return f.compileIn(t, same)
}

// namespaces makes a fresh one for each of the fixture's.
func (f fixture) namespaces(t *testing.T, c *kube.Cluster, labels map[string]string) map[string]string {
	t.Helper()
	fresh := map[string]string{}
	for _, site := range f.parse(t).Spec.Sites {
		if fresh[site.Namespace] == "" {
			fresh[site.Namespace] = c.Namespace(t, site.Namespace, labels)
		}
	}
	return fresh
}

// compileIn compiles the fixture, changed, with other namespaces for its own.
func (f fixture) compileIn(t *testing.T, namespaces map[string]string, changes ...spec.Change) []bundle {
	t.Helper()
	r := f.parse(t, append(changes, func(r *spec.Replication) {
		for name, site := range r.Spec.Sites {
			site.Namespace = namespaces[site.Namespace]
			r.Spec.Sites[name] = site
		}
	})...)
	p, err := plan.Build(r)
	require.NoError(t, err)
	compiled, err := generator.Compile(r, f.engine)
	require.NoError(t, err)
	require.Len(t, compiled, len(p.Sites))
	bundles := make([]bundle, len(compiled))
	for i, b := range compiled {
		objects, err := kube.Objects(b)
		require.NoError(t, err)
		bundles[i] = bundle{Site: p.Sites[i], engine: f.engine, typed: b.Objects, objects: objects}
	}
	return bundles
}
