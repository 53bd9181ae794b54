package objectstore

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/config"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/step"
)

// What is wrong with the arguments is wrong usage, and says which.
func TestOpenUsage(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "ca.crt")
	require.NoError(t, os.WriteFile(broken, []byte("no certificate"), 0o600))
	tests := map[string]struct {
		config Config
		files  map[string]string
		want   string
	}{
		"no remote":          {Config{}, nil, "--remote"},
		"not a remote":       {Config{Remote: ":"}, nil, "--remote"},
		"no section":         {Config{Remote: "s3:bucket"}, map[string]string{"rclone.conf": "[other]\ntype = s3\n"}, "no such section"},
		"no file":            {Config{Remote: "s3:bucket"}, map[string]string{}, "no such section"},
		"no directory":       {Config{Remote: "s3:bucket", ConfigDir: "/nonexistent"}, nil, "/nonexistent"},
		"unknown backend":    {Config{Remote: "x:b"}, map[string]string{"rclone.conf": "[x]\ntype = nosuch\n"}, "nosuch"},
		"no bucket":          {Config{Remote: "x:"}, map[string]string{"rclone.conf": "[x]\ntype = s3\nprovider = AWS\n"}, "no bucket"},
		"missing CA":         {Config{Remote: "x:b", CA: "/nonexistent"}, map[string]string{"rclone.conf": "[x]\ntype = s3\n"}, "--ca"},
		"CA is none":         {Config{Remote: "x:b", CA: broken}, map[string]string{"rclone.conf": "[x]\ntype = s3\n"}, "no certificate"},
		"bad variable":       {Config{Remote: "x:b"}, map[string]string{"RCLONE_TRANSFERS": "many"}, "transfers"},
		"half a client cert": {Config{Remote: "x:b"}, map[string]string{"rclone.conf": "[x]\ntype = s3\n", "RCLONE_CLIENT_CERT": "/x"}, "RCLONE_CLIENT_KEY"},
		"locked":             {Config{Remote: "x:b"}, map[string]string{"rclone.conf": "RCLONE_ENCRYPT_V0:\n" + strings.Repeat("A", 80) + "\n"}, "RCLONE_CONFIG_PASS"},
		"wrong password": {Config{Remote: "x:b"}, map[string]string{"rclone.conf": "RCLONE_ENCRYPT_V0:\n" + strings.Repeat("A", 80) + "\n",
			"RCLONE_CONFIG_PASS": "wrong"}, "RCLONE_CONFIG_PASS"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if test.files != nil {
				test.config.ConfigDir = configDir(t, test.files)
			}
			_, err := Open(t.Context(), test.config)
			require.ErrorContains(t, err, test.want)
			assert.Equal(t, contract.ExitUsage, step.Code(err), "%v", err)
		})
	}
}

// Files named like rclone's environment variables count as these do: over the
// configuration, under their own name only, and no longer than their store.
func TestVariablesInFiles(t *testing.T) {
	t.Setenv("RCLONE_CHECKERS", "3")
	dir := configDir(t, map[string]string{
		"RCLONE_TRANSFERS": "7\n", "RCLONE_TIMEOUT": "42s", "RCLONE_CHECKERS": "5", "other": "x",
		"RCLONE_CONFIG_MINE_TYPE": "alias", "RCLONE_CONFIG_MINE_REMOTE": t.TempDir(),
	})
	s := open(t, Config{Remote: "mine:path", ConfigDir: dir})
	assert.Equal(t, 7, s.Transfers())
	options := fs.GetConfig(s.Context(t.Context()))
	assert.Equal(t, 42*time.Second, time.Duration(options.Timeout))
	assert.Equal(t, 5, options.Checkers)
	assert.Equal(t, 9, open(t, Config{Remote: "mine:path", ConfigDir: dir, Transfers: 9}).Transfers())

	plain := open(t, Config{Remote: t.TempDir()})
	assert.Equal(t, defaultTransfers, plain.Transfers())
	assert.Equal(t, "3", os.Getenv("RCLONE_CHECKERS"))
	_, set := os.LookupEnv("RCLONE_CONFIG_MINE_TYPE")
	assert.False(t, set)
}

// Rclone cannot write its configuration, whatever it refreshes.
func TestConfigurationIsNotWritten(t *testing.T) {
	dir := configDir(t, map[string]string{"rclone.conf": "[x]\ntype = alias\nremote = " + t.TempDir() + "\n"})
	open(t, Config{Remote: "x:", ConfigDir: dir})
	before, err := os.ReadFile(filepath.Join(dir, "rclone.conf"))
	require.NoError(t, err)
	require.NoError(t, config.SetValueAndSave("x", "token", "refreshed"))
	token, _ := config.LoadedData().GetValue("x", "token")
	assert.Equal(t, "refreshed", token, "for this process")
	after, err := os.ReadFile(filepath.Join(dir, "rclone.conf"))
	require.NoError(t, err)
	assert.Equal(t, before, after)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, entries, 1)
}

func TestBandwidth(t *testing.T) {
	s := open(t, Config{Remote: t.TempDir(), BytesPerSecond: 2 << 20})
	begun := time.Now()
	_, err := s.Put(t.Context(), "layer", content("a", big(4<<20)))
	require.NoError(t, err)
	assert.InDelta(t, 1.5, time.Since(begun).Seconds(), 0.7, "4 MiB at 2 MiB/s after a burst of 1 MiB")
	assert.EqualValues(t, 4<<20, s.Stats().Bytes)
}
