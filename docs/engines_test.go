package docs

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/templates/enginetest"
)

// Everything that the conformance suite asks of an engine is in the table.
func TestEveryFeatureIsDocumented(t *testing.T) {
	text, err := os.ReadFile("engines.md")
	require.NoError(t, err)
	for _, feature := range enginetest.Features() {
		assert.Contains(t, string(text), "\n| "+feature+" | ")
	}
}
