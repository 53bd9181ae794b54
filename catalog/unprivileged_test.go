package catalog

import (
	"testing"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/backube/scribe-gen/generator/manifest"
)

// The patch makes of a mover what the builders make of one without root.
func TestWithoutRoot(t *testing.T) {
	packages(t, func(t *testing.T, e edition, b *Block, files map[string][]byte) {
		text, ok := files[patchFile]
		require.Equal(t, b.Mover(), ok)
		if !ok {
			return
		}
		patch, err := jsonpatch.DecodePatch(text)
		require.NoError(t, err)
		original, err := yaml.YAMLToJSON(files[e.manifestOf(b)])
		require.NoError(t, err)
		patched, err := patch.Apply(original)
		require.NoError(t, err)

		want, err := e.objects(e, b.restricted())
		require.NoError(t, err)
		printed, err := manifest.Print(want[e.manifestOf(b)][0])
		require.NoError(t, err)
		expected, err := yaml.YAMLToJSON(printed)
		require.NoError(t, err)
		assert.JSONEq(t, string(expected), string(patched))
	})
}
