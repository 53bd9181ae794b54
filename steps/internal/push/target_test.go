package push

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/steps/contract"
)

func TestTarget(t *testing.T) {
	dir := t.TempDir()
	write := func(key, content string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, key), []byte(content), 0o600))
	}
	_, err := Place{Keys: dir}.Target()
	assert.ErrorIs(t, err, fs.ErrNotExist)
	assert.ErrorContains(t, err, "scribe-gen connect")
	write(contract.KeyClient, "private")
	write(contract.KeyHostPub, "public")
	write(contract.KeyAddress, "2001:db8::1\n")
	for place, want := range map[Place]string{
		{Keys: dir}:                             "[2001:db8::1]:2222", // the default port
		{Keys: dir, Port: 22}:                   "[2001:db8::1]:22",
		{Keys: dir, Address: "other", Port: 22}: "other:22",
	} {
		target, err := place.Target()
		require.NoError(t, err)
		assert.Equal(t, want, target.Address)
	}
	write(contract.KeyPort, "2022\n")
	target, err := Place{Keys: dir, User: "backup"}.Target()
	require.NoError(t, err)
	assert.Equal(t, "[2001:db8::1]:2022", target.Address)
	assert.Equal(t, "backup", target.User)
	assert.Equal(t, "public", string(target.HostKeys))
}

func TestQuote(t *testing.T) {
	assert.Equal(t, `"/a b/c""d"`, quote(`/a b/c"d`))
}
