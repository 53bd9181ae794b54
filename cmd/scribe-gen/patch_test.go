package main

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/generator/plan"
)

// Another patch of scribe-gen compiles the same bytes: what is in Git does not
// change with it.
func TestBundlesAreTheSameForAnotherPatch(t *testing.T) {
	if testing.Short() {
		t.Skip("builds scribe-gen")
	}
	series := plan.Version[:strings.LastIndex(plan.Version, ".")]
	other := filepath.Join(t.TempDir(), "scribe-gen")
	build := exec.CommandContext(t.Context(), "go", "build", "-ldflags", "-X main.version=v"+series+".99", "-o", other, ".")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	out, err = exec.CommandContext(t.Context(), other, "version").Output()
	require.NoError(t, err)
	require.Contains(t, string(out), "v"+series+".99")

	for _, engine := range engines() {
		args := []string{"generate", "-f", "../../examples/dr", "-e", engine.Name()}
		theirs, err := exec.CommandContext(t.Context(), other, args...).Output()
		require.NoError(t, err)
		var ours bytes.Buffer
		root := newRootCommand(streams{in: strings.NewReader(""), out: &ours, err: t.Output()})
		root.SetArgs(args)
		require.NoError(t, root.ExecuteContext(t.Context()))
		assert.Equal(t, ours.String(), string(theirs))
		assert.Contains(t, ours.String(), "image: "+plan.Image+"\n")
		assert.NotContains(t, ours.String(), plan.Version)
	}
}
