package enginetest

import (
	"cmp"
	"path"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/generator"
	"github.com/backube/scribe-gen/generator/manifest"
)

// Fault is one thing that is wrong with objects that were good, and what an engine's
// lint says of it.
type Fault struct {
	// At is the spec and the site whose objects are spoiled; dr/primary unless given.
	At    string
	Spoil func(t *testing.T, objects []manifest.Object)
	Want  string
}

// Lint spoils the objects of a site, once for each fault.
func Lint(t *testing.T, e generator.Engine, lint func([]manifest.Object, map[string]bool) error, faults map[string]Fault) {
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			objects := ObjectsAt(t, e, cmp.Or(fault.At, "dr/primary"))
			require.NoError(t, lint(objects, map[string]bool{}))
			fault.Spoil(t, objects)
			assert.ErrorContains(t, lint(objects, map[string]bool{}), fault.Want)
		})
	}
}

// ObjectsAt compiles one of the specs and returns the objects of a site, which are given
// as <spec>/<site>.
func ObjectsAt(t *testing.T, e generator.Engine, at string) []manifest.Object {
	t.Helper()
	name, site := path.Split(at)
	for _, b := range compileSpec(t, e, path.Clean(name)+".yaml") {
		if b.Site == site {
			return b.Objects
		}
	}
	require.Fail(t, "no site", at)
	return nil
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
