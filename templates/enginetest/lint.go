package enginetest

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/generator"
	"github.com/backube/scribe-gen/generator/manifest"
)

// Fault is one thing that is wrong with objects that were good, and what an engine's
// lint says of it.
type Fault struct {
	Spoil func(t *testing.T, objects []manifest.Object)
	Want  string
}

// Lint spoils the objects of the first site of a replication with all features, once
// for each fault.
func Lint(t *testing.T, e generator.Engine, lint func([]manifest.Object, map[string]bool) error, faults map[string]Fault) {
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			objects := compileSpec(t, e, "dr.yaml")[0].Objects
			require.NoError(t, lint(objects, map[string]bool{}))
			fault.Spoil(t, objects)
			assert.ErrorContains(t, lint(objects, map[string]bool{}), fault.Want)
		})
	}
}

// Find returns the first object of a type.
func Find[T manifest.Object](t *testing.T, objects []manifest.Object) T {
	t.Helper()
	for _, o := range objects {
		if found, ok := o.(T); ok {
			return found
		}
	}
	require.Fail(t, "no such object")
	panic("unreachable")
}
