package clone_test

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/steps/internal/volume/clone"
	"github.com/backube/scribe-gen/tree/sample"
)

// BenchmarkTree copies a volume of 20,000 files, and has cp do the same.
func BenchmarkTree(b *testing.B) {
	src := b.TempDir()
	require.NoError(b, sample.Volume(src, 20_000, 1))
	b.Run("clone", func(b *testing.B) {
		for b.Loop() {
			_, err := clone.Tree(b.Context(), src, b.TempDir(), clone.Options{})
			require.NoError(b, err)
		}
	})
	b.Run("cp", func(b *testing.B) {
		for b.Loop() {
			out, err := exec.Command("cp", "-a", "--reflink=auto", "--sparse=auto", "-T", src, b.TempDir()).CombinedOutput()
			require.NoError(b, err, "%s", out)
		}
	})
}
