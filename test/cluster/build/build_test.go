package build

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tiny is a component that builds in a second.
const tiny Component = "tiny"

const tinyMain = `package main

import "fmt"

var version = "none"

func main() { fmt.Println("hello", version) }
`

func tinyRecipe() recipe {
	return recipe{packages: []string{"."}, binaries: []string{"tiny"}}
}

// newTiny returns a Builder with the one component tiny.
func newTiny(t *testing.T) *Builder {
	t.Helper()
	b := &Builder{
		Cache:      filepath.Join(t.TempDir(), "cache"),
		Components: t.TempDir(),
		Log:        slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	writeTiny(t, b, "go.mod", "module example.org/tiny\n\ngo 1.26.0\n")
	writeTiny(t, b, "go.sum", "")
	writeTiny(t, b, "main.go", tinyMain)
	return b
}

func writeTiny(t *testing.T, b *Builder, name, content string) {
	t.Helper()
	path := filepath.Join(b.nested(tiny).dir, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
}

func output(t *testing.T, program string) string {
	t.Helper()
	out, err := exec.Command(program).CombinedOutput()
	require.NoError(t, err, string(out))
	return strings.TrimSpace(string(out))
}

// entries names what the shelf of tiny holds besides the lock.
func entries(t *testing.T, b *Builder) []string {
	t.Helper()
	all, err := os.ReadDir(filepath.Join(b.Cache, string(tiny)))
	require.NoError(t, err)
	var names []string
	for _, e := range all {
		if e.Name() != "lock" {
			names = append(names, e.Name())
		}
	}
	return names
}

func TestEnsureBuildsOncePerContent(t *testing.T) {
	b := newTiny(t)
	first, err := b.ensure(t.Context(), tiny, tinyRecipe())
	require.NoError(t, err)
	assert.Equal(t, "hello none", output(t, filepath.Join(first, "tiny")))

	// A build that is found in the cache does not need the compiler.
	built, err := os.Stat(filepath.Join(first, "tiny"))
	require.NoError(t, err)
	again, err := b.ensure(t.Context(), tiny, tinyRecipe())
	require.NoError(t, err)
	assert.Equal(t, first, again)
	found, err := os.Stat(filepath.Join(again, "tiny"))
	require.NoError(t, err)
	assert.True(t, os.SameFile(built, found))

	writeTiny(t, b, "main.go", strings.Replace(tinyMain, "hello", "bye", 1))
	second, err := b.ensure(t.Context(), tiny, tinyRecipe())
	require.NoError(t, err)
	assert.Equal(t, "bye none", output(t, filepath.Join(second, "tiny")))
	assert.Equal(t, "hello none", output(t, filepath.Join(first, "tiny")), "the entry before stays")
}

func TestEnsureReplacesAnEntryThatLostAProgram(t *testing.T) {
	b := newTiny(t)
	dir, err := b.ensure(t.Context(), tiny, tinyRecipe())
	require.NoError(t, err)
	require.NoError(t, os.Remove(filepath.Join(dir, "tiny")))
	again, err := b.ensure(t.Context(), tiny, tinyRecipe())
	require.NoError(t, err)
	assert.Equal(t, dir, again)
	assert.FileExists(t, filepath.Join(dir, "tiny"))
}

func TestEnsureLinksTheProgramsOfAMultiCallBinary(t *testing.T) {
	b := newTiny(t)
	writeTiny(t, b, "main.go", "package main\n\nimport \"os\"\n\nfunc main() { println(os.Args[0]) }\n")
	r := recipe{packages: []string{"."}, multicall: "tiny", binaries: []string{"one", "two"}}
	dir, err := b.ensure(t.Context(), tiny, r)
	require.NoError(t, err)
	assert.Equal(t, filepath.Join(dir, "two"), output(t, filepath.Join(dir, "two")))
}

func TestEnsurePrefixesPrograms(t *testing.T) {
	b := newTiny(t)
	r := recipe{packages: []string{"."}, prefix: "very-", binaries: []string{"very-tiny"}}
	dir, err := b.ensure(t.Context(), tiny, r)
	require.NoError(t, err)
	assert.Equal(t, "hello none", output(t, filepath.Join(dir, "very-tiny")))
	assert.NoFileExists(t, filepath.Join(dir, "tiny"))

	r.binaries = []string{"very-tiny", "very-absent"}
	_, err = b.ensure(t.Context(), tiny, r)
	require.ErrorContains(t, err, "no program very-absent")
}

func TestEnsureReportsTheCompilersOutput(t *testing.T) {
	b := newTiny(t)
	writeTiny(t, b, "main.go", "package main\n\nfunc main() { undefinedName() }\n")
	_, err := b.ensure(t.Context(), tiny, tinyRecipe())
	require.ErrorContains(t, err, "undefined: undefinedName")
	assert.Empty(t, entries(t, b))

	writeTiny(t, b, "main.go", tinyMain)
	r := tinyRecipe()
	r.binaries = []string{"tiny", "absent"}
	_, err = b.ensure(t.Context(), tiny, r)
	require.ErrorContains(t, err, "no program absent")
	assert.Empty(t, entries(t, b))
}

func TestEnsureEndsWithItsContext(t *testing.T) {
	b := newTiny(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := b.ensure(ctx, tiny, tinyRecipe())
	require.ErrorIs(t, err, context.Canceled)
}

func TestEnsureRefusesUnknownComponents(t *testing.T) {
	_, err := newTiny(t).Ensure(t.Context(), tiny)
	require.ErrorContains(t, err, `unknown component "tiny"`)
	assert.Nil(t, tiny.Binaries())
}

func TestNewFindsTheCheckoutAndTheCache(t *testing.T) {
	t.Setenv("SCRIBE_CLUSTER_CACHE", "/nowhere/cache")
	b, err := New(slog.Default())
	require.NoError(t, err)
	assert.Equal(t, "/nowhere/cache", b.Cache)
	for _, c := range All() {
		assert.FileExists(t, filepath.Join(b.Components, string(c), "go.mod"))
		assert.NotEmpty(t, c.Binaries())
	}

	t.Setenv("SCRIBE_CLUSTER_CACHE", "")
	t.Setenv("XDG_CACHE_HOME", "/nowhere/user")
	b, err = New(slog.Default())
	require.NoError(t, err)
	assert.Equal(t, "/nowhere/user/scribe-gen/cluster", b.Cache)

	t.Chdir("/")
	_, err = New(slog.Default())
	require.ErrorContains(t, err, "no checkout of scribe-gen")
}

// The recipes' patches fit the modules that go.mod names, and what clusters
// read from module sources is there.
func TestModulesAndPatchesFit(t *testing.T) {
	if testing.Short() {
		t.Skip("downloads Kubernetes and Argo Workflows")
	}
	b, err := New(slog.New(slog.NewTextHandler(t.Output(), nil)))
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	for _, c := range []Component{Kubernetes, Argo} {
		r, err := recipeOf(c)
		require.NoError(t, err)
		modfile, err := r.patch.apply(ctx, b.nested(c), t.TempDir())
		require.NoError(t, err)
		assert.FileExists(t, modfile)
	}
	argo, err := b.Module(ctx, Argo, "github.com/argoproj/argo-workflows/v3")
	require.NoError(t, err)
	assert.DirExists(t, filepath.Join(argo, "manifests/base/crds/full"))
	snapshots, err := b.Module(ctx, Sidecars, "github.com/kubernetes-csi/external-snapshotter/client/v8")
	require.NoError(t, err)
	assert.FileExists(t, filepath.Join(snapshots, "config/crd/snapshot.storage.k8s.io_volumesnapshots.yaml"))
	tekton, err := b.Module(ctx, Tekton, "github.com/tektoncd/pipeline")
	require.NoError(t, err)
	assert.FileExists(t, filepath.Join(tekton, "config/300-crds/300-task.yaml"))
	assert.FileExists(t, filepath.Join(tekton, "config/config-feature-flags.yaml"))
	_, err = b.Module(ctx, Etcd, "example.org/absent")
	require.ErrorContains(t, err, "example.org/absent")
}
