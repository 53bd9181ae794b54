package enginetest

import (
	"bytes"
	"embed"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/generator"
	"github.com/backube/scribe-gen/generator/manifest"
	"github.com/backube/scribe-gen/generator/spec"
)

// specs are the replications that every engine's golden files are compiled from.
//
//go:embed testdata/*.yaml
var specs embed.FS

// Golden compiles the suite's specs for the engine and compares each site's bundle
// with testdata/<spec>/<site>.yaml of the calling package, which may hold nothing
// else; with update it rewrites them. accept looks at every bundle, so that a mistake that
// was made golden does not hide.
func Golden(t *testing.T, e generator.Engine, update bool, accept func(t *testing.T, stream string)) {
	files, err := specs.ReadDir("testdata")
	require.NoError(t, err)
	expected := map[string]bool{}
	for _, f := range files {
		name := strings.TrimSuffix(f.Name(), ".yaml")
		t.Run(name, func(t *testing.T) {
			bundles := compileSpec(t, e, f.Name())
			assert.Equal(t, encode(t, bundles...), encode(t, compileSpec(t, e, f.Name())...), "twice the same")
			for _, b := range bundles {
				golden := filepath.Join("testdata", name, b.Site+".yaml")
				expected[golden] = true
				accept(t, compare(t, golden, encode(t, b), update))
			}
		})
	}
	found, err := filepath.Glob(filepath.Join("testdata", "*", "*"))
	require.NoError(t, err)
	for _, f := range found {
		assert.True(t, expected[f], "%s belongs to no site", f)
	}
}

// compare returns what the golden file holds.
func compare(t *testing.T, golden, got string, update bool) string {
	t.Helper()
	if update {
		require.NoError(t, os.MkdirAll(filepath.Dir(golden), 0o755))
		require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err, "run the tests with -update")
	assert.Equal(t, string(want), got)
	return string(want)
}

// compileSpec compiles one of the specs with all its Kubernetes sites on the engine.
func compileSpec(t *testing.T, e generator.Engine, name string) []manifest.Bundle {
	t.Helper()
	data, err := specs.ReadFile("testdata/" + name)
	require.NoError(t, err)
	list, problems := spec.Parse(name, data, func(r *spec.Replication) {
		for key, site := range r.Spec.Sites {
			if site.Engine != spec.EngineLocal {
				site.Engine = spec.Engine(e.Name())
				r.Spec.Sites[key] = site
			}
		}
	})
	require.Empty(t, problems)
	require.Len(t, list, 1)
	bundles, err := generator.Compile(list[0], e)
	require.NoError(t, err)
	return bundles
}

func encode(t *testing.T, bundles ...manifest.Bundle) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, manifest.Encode(&out, bundles))
	return out.String()
}

// Documents splits a stream of YAML documents, leaving out its header.
func Documents(stream string) []string { return strings.Split(stream, "---\n")[1:] }
