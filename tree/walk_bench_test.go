package tree_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/tree"
)

// BenchmarkWalk walks a million empty files in ten thousand directories of a
// tmpfs, extended attributes included.
func BenchmarkWalk(b *testing.B) {
	root := manyFiles(b, 10_000, 100)
	for b.Loop() {
		entries := 0
		require.NoError(b, tree.Walk(root, func(tree.Entry) error { entries++; return nil }))
		require.Equal(b, 1_010_001, entries)
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(m.Sys)/(1<<20), "MiB")
}

func manyFiles(tb testing.TB, dirs, files int) string {
	root, err := os.MkdirTemp("/dev/shm", "walk")
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = os.RemoveAll(root) })
	for d := range dirs {
		dir := filepath.Join(root, fmt.Sprintf("d%05d", d))
		require.NoError(tb, os.Mkdir(dir, 0o755))
		for f := range files {
			require.NoError(tb, os.WriteFile(filepath.Join(dir, fmt.Sprintf("f%03d", f)), nil, 0o644))
		}
	}
	return root
}
