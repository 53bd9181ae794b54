package local

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A Secret is copied under the lock that the steps hold while they remove what
// killed processes left: it would look like that.
func TestCopySecretWaitsForTheLock(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from", "keys"), filepath.Join(dir, "to", "keys")
	require.NoError(t, os.MkdirAll(from, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(from, "client.key"), []byte("x"), 0o400))
	held, err := lockSecrets(filepath.Dir(to))
	require.NoError(t, err)
	copied := make(chan error, 1)
	go func() { copied <- copySecret(from, to) }()
	time.Sleep(50 * time.Millisecond)
	entries, err := os.ReadDir(filepath.Dir(to))
	require.NoError(t, err)
	assert.Empty(t, entries, "nothing is made before the lock is free")
	require.NoError(t, held.Close())
	require.NoError(t, <-copied)
	content, err := os.ReadFile(filepath.Join(to, "client.key"))
	require.NoError(t, err)
	assert.Equal(t, "x", string(content))
}
