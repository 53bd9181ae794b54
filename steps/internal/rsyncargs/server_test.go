package rsyncargs

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/protocol"
)

// What clients really send is asked of rsync itself.
func TestReceiverAllowsWhatClientsSend(t *testing.T) {
	for _, options := range []string{
		"-aAXHS --numeric-ids -@-1 --delete --force --partial --info=progress2,stats2 --no-h",
		"-aAXHS --inplace -B4096 --numeric-ids --delete-delay --max-delete=5 -n --existing --ignore-existing",
		"-aAXHS --numeric-ids --no-inc-recursive --preallocate --compress --zc=zstd --zl=1",
		"-aAXHS --no-o --no-g --no-devices --specials --dirs --files-from=/dev/null --from0 --delete",
		"-aAXHS --numeric-ids -@-1 --delete --force --dirs --files-from=/dev/null --from0 --delete-missing-args --ignore-times --inplace",
		"-aAXHS --numeric-ids -@-1 --delete --force --checksum --inplace -B4096 --no-sparse --partial --info=progress2,stats2",
		"-aAhHSxz --delete --itemize-changes --info=stats2,misc2",
		"-av --info=progress2,misc0,flist0 --no-inc-recursive --delete",
	} {
		args := serverArgs(t, strings.Fields(options), "h:.")
		forced, err := Receiver(args)
		require.NoError(t, err, "%s gives %q", options, args)
		assert.Equal(t, args, forced)
	}
}

func TestReceiverRefuses(t *testing.T) {
	for options, want := range map[string]string{
		"-aK":                                   "-K",
		"-a --secluded-args":                    "-s",
		"-ab":                                   "-b",
		"-a --write-devices":                    "--write-devices",
		"-a --temp-dir=/tmp":                    "--temp-dir",
		"-a --backup --backup-dir=/x":           "-b",
		"-a --link-dest=/etc":                   "--link-dest",
		"-a --compare-dest=/etc":                "--compare-dest",
		"-a --copy-dest=../x":                   "--copy-dest",
		"-a --partial-dir=/x":                   "--partial-dir",
		"-a --fake-super -M--fake-super":        "--fake-super",
		"-a --iconv=utf8,latin1":                "--iconv",
		"-a -M--log-file=/x":                    "--log-file",
		"-a -M--config=/x":                      "--config",
		"-a -M--daemon":                         "--daemon",
		"-a -M--sender":                         "--sender",
		"-a -M--files-from=/etc/passwd":         "--files-from",
		"-a -M--rsync-path=/bin/sh":             "--rsync-path",
		"-a -M--remove-source-files":            "--remove-source-files",
		"-a -M--write-batch=/x":                 "--write-batch",
		"-a -M--chown=0:0":                      "--",
		"-a --usermap=1:2":                      "--usermap",
		"-a -M--info=stats2;reboot":             "--info",
		"-a -M--max-delete=9999999999999999999": "--max-delete",
	} {
		_, err := Receiver(serverArgs(t, strings.Fields(options), "h:."))
		var refused *protocol.Refused
		require.ErrorAs(t, err, &refused, options)
		assert.Equal(t, contract.RefusedRequest, refused.Code)
		assert.ErrorContains(t, err, want)
	}
	for _, path := range []string{"h:/etc", "h:..", "h:../x", "h:a", "h:~", "h:/data/../etc"} {
		_, err := Receiver(serverArgs(t, []string{"-a"}, path))
		assert.ErrorContains(t, err, "path", path)
	}
	for _, args := range [][]string{
		nil, {"--sender"}, {"--server"},
		{"--server", "-a"}, {"--server", "-a", ".", "x", "y"},
		{"--server", "--sender", "-a", ".", "."}, {"--server", "-e", "/bin/sh", ".", "."}, {"--daemon"},
		{"--server", "-ae/bin/sh", ".", "."}, {"-a", "--server", ".", "."},
	} {
		_, err := Receiver(args)
		assert.Error(t, err, "%q", args)
	}
}

func TestDryRun(t *testing.T) {
	for options, want := range map[string]bool{"-a": false, "-an": true, "-aAXHS --numeric-ids --no-inc-recursive": false, "-a --dry-run --info=stats2": true} {
		forced, err := Receiver(serverArgs(t, strings.Fields(options), "h:."))
		require.NoError(t, err)
		assert.Equal(t, want, DryRun(forced), options)
	}
}

func TestReceiverForcesThePath(t *testing.T) {
	for _, path := range []string{"h:", "h:.", "h:./", "h:/"} {
		forced, err := Receiver(serverArgs(t, []string{"-a"}, path))
		require.NoError(t, err, path)
		assert.Equal(t, []string{".", Root}, forced[len(forced)-2:], path)
	}
}

// serverArgs returns the arguments that rsync gives to its server.
func serverArgs(t *testing.T, options []string, destination string) []string {
	t.Helper()
	_, err := exec.LookPath("rsync")
	require.NoError(t, err, "this test needs rsync: apt-get install rsync")
	dir := t.TempDir()
	log, rsh := filepath.Join(dir, "log"), filepath.Join(dir, "rsh")
	require.NoError(t, os.WriteFile(rsh, []byte("#!/bin/sh\nshift\nprintf '%s' \"$*\" > "+log+"\nexit 1\n"), 0o755))
	args := slices.Concat(options, []string{"-e", rsh, dir + "/", destination})
	_ = exec.Command("rsync", args...).Run()
	command, err := os.ReadFile(log)
	require.NoError(t, err, "rsync %q ran no remote shell", args)
	request, err := protocol.ParseRequest(string(command))
	require.NoError(t, err)
	return request.Args
}

func FuzzReceiver(f *testing.F) {
	for _, seed := range []string{
		"--server -logDtpre.iLsfxCIvu . .", "--server --sender -a . /etc", "--server -s", "--server --temp-dir=/x . .",
		"--server -@-1 -B4096 --info=STATS2 . ./",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, command string) {
		forced, err := Receiver(strings.Split(command, " "))
		if err != nil {
			return
		}
		n := len(forced)
		require.Equal(t, "--server", forced[0])
		require.Equal(t, []string{".", Root}, forced[n-2:])
		for _, a := range forced[1 : n-2] {
			require.True(t, strings.HasPrefix(a, "-"), "%q is not an option", a)
			require.NotContains(t, a, "..")
			require.False(t, strings.HasPrefix(a, "--") && strings.Contains(a, "=/"), "%q holds a path", a)
			for _, bad := range []string{"--sender", "--daemon", "-dest", "-dir=", "-file", "batch", "--config", "--remove"} {
				require.NotContains(t, a, bad)
			}
		}
		again, err := Receiver(forced)
		require.NoError(t, err)
		require.Equal(t, forced, again)
	})
}
