package scan

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkUnchanged scans a hundred thousand files of a tmpfs of which none
// changed since the index.
func BenchmarkUnchanged(b *testing.B) {
	dir, err := os.MkdirTemp("/dev/shm", "scan")
	require.NoError(b, err)
	b.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := Source{Root: filepath.Join(dir, "source"), Index: filepath.Join(dir, "index"), slack: 1}
	for n := range 100_000 {
		path := filepath.Join(s.Root, fmt.Sprintf("directory %03d", n/100), fmt.Sprintf("file %02d", n%100))
		if n%100 == 0 {
			require.NoError(b, os.MkdirAll(filepath.Dir(path), 0o755))
		}
		require.NoError(b, os.WriteFile(path, nil, 0o644))
	}
	settle()
	for range 2 {
		r, err := s.Run(context.Background(), Stages{})
		require.NoError(b, err)
		require.NoError(b, r.Keep())
	}
	for b.Loop() {
		r, err := s.Run(context.Background(), Stages{})
		require.NoError(b, err)
		require.Zero(b, r.Read)
		require.NoError(b, r.Keep())
	}
}
