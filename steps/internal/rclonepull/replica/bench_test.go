package replica_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/steps/internal/rclonepull/replica"
	"github.com/backube/scribe-gen/tree/sample"
)

// BenchmarkReplica fills an empty replica with a volume of 20,000 files, and
// compares it with its manifest when nothing changed.
func BenchmarkReplica(b *testing.B) {
	s := &source{root: filepath.Join(b.TempDir(), "source")}
	require.NoError(b, sample.Volume(s.root, 20_000, 1))
	root := b.TempDir()
	r := s.replicaOf(b, root)
	b.Run("fill", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			r := r
			r.Root = b.TempDir()
			plan, err := r.Plan(b.Context())
			require.NoError(b, err)
			require.NoError(b, plan.Apply(b.Context(), replica.Options{Content: s, Transfers: 16}))
		}
	})
	s.pull(b, r)
	b.Run("compare", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			plan, err := r.Plan(b.Context())
			require.NoError(b, err)
			require.True(b, plan.Nothing())
		}
	})
}
