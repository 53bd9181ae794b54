package build

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	humanize        = "github.com/dustin/go-humanize"
	humanizeVersion = "v1.0.1"
)

// newPatched returns a Builder whose tiny requires a module that is also the
// project's own, so that it is in the module cache, and a recipe to patch it.
func newPatched(t *testing.T) (*Builder, recipe) {
	t.Helper()
	b := newTiny(t)
	sums, err := os.ReadFile("../../../go.sum")
	require.NoError(t, err)
	writeTiny(t, b, "go.sum", string(sums))
	writeTiny(t, b, "go.mod", "module example.org/tiny\n\ngo 1.26.0\n\nrequire "+humanize+" "+humanizeVersion+"\n")
	writeTiny(t, b, "main.go", strings.NewReplacer(
		`import "fmt"`, `import ("fmt"; "`+humanize+`")`,
		`"hello"`, `humanize.Ordinal(3), humanize.Added`,
	).Replace(tinyMain))
	writeTiny(t, b, "overlay/added.go", "package humanize\n\nconst Added = \"added\"\n")
	r := tinyRecipe()
	r.stamps, r.stampedBy = []string{"main.version=%s"}, humanize
	r.patch = patch{module: humanize, overlay: "overlay", edits: []edit{{
		File: "ordinals.go", Old: `x = "rd"`, New: `x = "drd"`,
	}}}
	return b, r
}

func TestPatchedAndStampedBuild(t *testing.T) {
	b, r := newPatched(t)
	dir, err := b.ensure(t.Context(), tiny, r)
	require.NoError(t, err)
	assert.Equal(t, "3drd added "+humanizeVersion, output(t, filepath.Join(dir, "tiny")))
	assert.NotContains(t, readTiny(t, b, "go.mod"), "replace")
	assert.Len(t, entries(t, b), 1, "the copy of the module is gone")
}

func TestPatchThatDoesNotFitFails(t *testing.T) {
	b, r := newPatched(t)
	r.patch.edits[0].Old = "no such line"
	_, err := b.ensure(t.Context(), tiny, r)
	require.ErrorContains(t, err, "patch "+humanize+" "+humanizeVersion+": ordinals.go holds \"no such line\" 0 times")

	r.patch.edits[0].Old = "suffix"
	_, err = b.ensure(t.Context(), tiny, r)
	require.ErrorContains(t, err, `holds "suffix" 5 times instead of once`)
	assert.Empty(t, entries(t, b))
}

func TestOverlayDoesNotReplaceFilesOfTheModule(t *testing.T) {
	b, r := newPatched(t)
	writeTiny(t, b, "overlay/ordinals.go", "package humanize\n")
	_, err := b.ensure(t.Context(), tiny, r)
	require.ErrorContains(t, err, "ordinals.go")
	require.ErrorContains(t, err, "remove ours")
}

func readTiny(t *testing.T, b *Builder, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(b.nested(tiny).dir, name))
	require.NoError(t, err)
	return string(content)
}
