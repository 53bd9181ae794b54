package mover

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/test/bench/internal/link"
	"github.com/backube/scribe-gen/test/bench/internal/meter"
)

// The command lines are what the comparison stands on: they are the peers' own.
func TestPeersCommandLines(t *testing.T) {
	s := &sshd{dir: "/keys", client: "/keys/client", user: "root"}
	volsync := volsyncCommand(t.Context(), s, 2222, "/source", "/replica")
	assert.Equal(t, "rsync -aAhHSxz --delete --itemize-changes --info=stats2,misc2 /source/ root@127.0.0.1:/replica",
		strings.Join(volsync.Args, " "))
	assert.Contains(t, volsync.Env, "RSYNC_RSH=ssh -F /keys/ssh_config -p 2222")

	migrate := pvMigrateCommand(t.Context(), s, 2222, "/source", "/replica")
	assert.Equal(t, []string{
		"rsync", "-av", "--info=progress2,misc0,flist0", "--no-inc-recursive", "-e",
		"ssh -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ConnectTimeout=5" +
			" -o ServerAliveInterval=10 -o ServerAliveCountMax=3 -p 2222 -F none -i /keys/client",
		"-z", "--delete", "/source/", "root@127.0.0.1:/replica",
	}, migrate.Args)
}

func TestServerRunsNothingButRsync(t *testing.T) {
	if testing.Short() {
		t.Skip("starts an OpenSSH server")
	}
	_, err := os.Stat("/usr/sbin/sshd")
	require.NoError(t, err, "install the package openssh-server: apt-get install openssh-server")
	group, err := meter.New("test")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, group.Close()) })
	s, err := startSSHD(t.Context(), group, t.TempDir())
	require.NoError(t, err)
	p, err := port(s.addr)
	require.NoError(t, err)

	rsync := pvMigrateCommand(t.Context(), s, p, t.TempDir(), t.TempDir())
	out, err := rsync.CombinedOutput()
	require.NoError(t, err, string(out))
	shell := strings.Fields(rsync.Args[5])
	for _, command := range []string{"id", "sh -c id", "rsync --version", "rsyncd --server x"} {
		out, err := exec.CommandContext(t.Context(), shell[0], append(shell[1:], s.user+"@127.0.0.1", command)...).Output()
		assert.Error(t, err, command)
		assert.Empty(t, string(out), command)
	}
}

func TestPeerMeasures(t *testing.T) {
	if testing.Short() {
		t.Skip("starts an OpenSSH server")
	}
	c := NewVolSync(filepath.Join(t.TempDir(), "v"))
	t.Cleanup(func() { assert.NoError(t, c.Close()) })
	require.NoError(t, c.Prepare(t.Context()))
	source, replica := t.TempDir(), t.TempDir()
	const size = 8 << 20
	content := make([]byte, size) // compresses to almost nothing: shows that the wire is counted, not the files
	require.NoError(t, os.WriteFile(filepath.Join(source, "zeros"), content, 0o644))
	m, err := c.Sync(t.Context(), Job{Link: link.New(2e6), Source: source, Destination: replica})
	require.NoError(t, err)
	got, err := os.ReadFile(filepath.Join(replica, "zeros"))
	require.NoError(t, err)
	assert.Len(t, got, size)
	assert.Positive(t, m.Wall)
	assert.Positive(t, m.Source.CPU)
	assert.Positive(t, m.Destination.CPU)
	assert.Positive(t, m.Wire)
	assert.Less(t, m.Wire, int64(size/2))
	own, _ := m.Source.Own()
	assert.Positive(t, own)
	assert.Equal(t, m.Memory(), m.Source.Memory()+m.Destination.Memory())

	_, err = c.Sync(t.Context(), Job{Link: link.New(0), Source: "/no/such/directory", Destination: replica})
	assert.ErrorContains(t, err, "No such file")
}

func TestOutputKeepsTheEnd(t *testing.T) {
	var o output
	for range 1000 {
		o.Write([]byte("a line of text\n"))
	}
	o.Write([]byte("the end\n"))
	assert.LessOrEqual(t, len(o.tail), outputLimit)
	assert.True(t, strings.HasSuffix(o.String(), "the end"))
}
