package store

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/steps/contract"
)

// The command lines are what the comparison stands on: they are the peer's own.
func TestVolSyncCommands(t *testing.T) {
	v, err := NewVolSync("/peer/rclone")
	require.NoError(t, err)
	p := Place{Source: "/source", Dir: t.TempDir(), Config: "/config", Remote: "store:bucket/volume"}
	for _, c := range []struct {
		pull  bool
		mount string
		want  []string
	}{
		{false, "/source", []string{
			`rclone sync --one-file-system --create-empty-src-dirs --exclude "lost+found/**" "$MOUNT_PATH" "$RCLONE_CONFIG_SECTION:$RCLONE_DEST_PATH" --log-level DEBUG`,
			`getfacl -P - > "$TMPDIR/permissions.facl"`,
		}},
		{true, p.Replica(), []string{
			`rclone sync --one-file-system --create-empty-src-dirs --exclude "lost+found/**" --exclude permissions.facl "$RCLONE_CONFIG_SECTION:$RCLONE_DEST_PATH" "$MOUNT_PATH" --log-level DEBUG`,
			`setfacl --restore="$TMPDIR/permissions.facl" || true`,
			`sync -f "$MOUNT_PATH"`,
		}},
	} {
		command := v.Push
		if c.pull {
			command = v.Pull
		}
		cmd, err := command(t.Context(), p)
		require.NoError(t, err)
		for _, line := range c.want {
			assert.Contains(t, cmd.Args[2], line)
		}
		for _, variable := range []string{
			"MOUNT_PATH=" + c.mount, "RCLONE_CONFIG=/config/rclone.conf", "RCLONE_CONFIG_SECTION=store", "RCLONE_DEST_PATH=bucket/volume",
			"RCLONE_TRANSFERS=10", "RCLONE_CHECKSUM=1", "RCLONE_STATS=20s",
		} {
			assert.Contains(t, cmd.Env, variable)
		}
		assert.True(t, strings.HasPrefix(cmd.Env[0], "PATH=/peer:"), "its own rclone, and no other")
	}
}

func TestScribeVaries(t *testing.T) {
	steps := t.TempDir()
	_, err := NewScribe(steps, Options{})
	require.ErrorContains(t, err, "build it first or give --steps")
	require.NoError(t, os.WriteFile(filepath.Join(steps, contract.ProgramRclone), nil, 0o755))
	p := Place{Source: "/source", Dir: "/dir", Config: "/config", Remote: "store:bucket/volume"}

	s, err := NewScribe(steps, Options{})
	require.NoError(t, err)
	first, err := s.Push(t.Context(), p)
	require.NoError(t, err)
	second, err := s.Push(t.Context(), p)
	require.NoError(t, err)
	assert.Contains(t, first.Args, "--index=/dir/index")
	assert.NotContains(t, strings.Join(first.Args, " "), "--transfers")
	assert.NotEqual(t, argument(first, "--run-id="), argument(second, "--run-id="), "each push is a run of its own")

	s, err = NewScribe(steps, Options{Transfers: 7, NoIndex: true})
	require.NoError(t, err)
	first, err = s.Push(t.Context(), p)
	require.NoError(t, err)
	assert.Contains(t, first.Args, "--transfers=7")
	assert.Empty(t, argument(first, "--index="))
}

// argument returns what the command has after a flag.
func argument(cmd *exec.Cmd, flag string) string {
	for _, arg := range cmd.Args {
		if value, ok := strings.CutPrefix(arg, flag); ok {
			return value
		}
	}
	return ""
}

func TestServerCounts(t *testing.T) {
	if testing.Short() {
		t.Skip("starts an S3 server that may have to be built")
	}
	s, err := Start(t.Context(), t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Stop()) })
	// HTTP/1.0 is over with its answer. The pause is for the looks at memory.
	const request = `exec 3<>"/dev/tcp/$ADDRESS"; printf 'GET /bucket HTTP/1.0\r\n\r\n' >&3; cat <&3 >/dev/null; sleep 0.1`
	cmd := exec.CommandContext(t.Context(), "bash", "-c", request)
	cmd.Env = append(os.Environ(), "ADDRESS="+strings.NewReplacer("http://", "", ":", "/").Replace(s.proxy.Endpoint))
	m, err := s.Run(cmd)
	require.NoError(t, err)
	assert.Equal(t, map[string]int64{"LIST": 1}, m.Requests, "a refused one, too")
	assert.Greater(t, m.Wire, int64(len("GET /bucket HTTP/1.0")))
	assert.Positive(t, m.Wall)
	assert.Positive(t, m.CPU)
	assert.Positive(t, m.Memory)

	_, err = s.Run(exec.CommandContext(t.Context(), "bash", "-c", "echo it is like that >&2; exit 3"))
	assert.ErrorContains(t, err, "it is like that")
}
