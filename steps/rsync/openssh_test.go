package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/protocol"
	"github.com/backube/scribe-gen/tree"
	"github.com/backube/scribe-gen/tree/treetest"
)

func need(t *testing.T, program, install string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil { // sshd is not on every PATH
		path, err = exec.LookPath("/usr/sbin/" + program)
	}
	require.NoError(t, err, "this test needs %s: apt-get install %s", program, install)
	return path
}

// openSSH is the ssh command line of a stock client for the listener.
func (s *sites) openSSH(t *testing.T) []string {
	ssh := need(t, "ssh", "openssh-client")
	keys := s.dest.Secret(contract.PushSecret(relationship))
	host, err := os.ReadFile(filepath.Join(keys, contract.KeyHostPub))
	require.NoError(t, err)
	known := filepath.Join(t.TempDir(), "known_hosts")
	require.NoError(t, os.WriteFile(known, fmt.Appendf(nil, "[127.0.0.1]:%d %s", s.port, host), 0o600))
	return []string{
		ssh, "-F", "none", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=yes",
		"-o", "UserKnownHostsFile=" + known, "-i", filepath.Join(keys, contract.KeyClient),
		"-p", strconv.Itoa(s.port), "-l", "anyone",
	}
}

func ask(t *testing.T, ssh []string, command string) (string, error) {
	t.Helper()
	out, err := exec.Command(ssh[0], append(ssh[1:len(ssh):len(ssh)], "127.0.0.1", command)...).CombinedOutput()
	return string(out), err
}

func message(t *testing.T, verb string, body any) string {
	t.Helper()
	b, err := json.Marshal(body)
	require.NoError(t, err)
	return "scribe " + verb + " " + string(b)
}

// A stock OpenSSH client and rsync can push and commit.
func TestOpenSSHClientPushes(t *testing.T) {
	s := newSites(t)
	treetest.Make(t, s.source, treetest.MaxPath(4000), treetest.NoHuge())
	// Longer than the test may take: it must end because it is told to.
	listener, ssh := s.listen("--grace=30m"), s.openSSH(t)
	require.Eventually(t, func() bool { return strings.Contains(listener.log.String(), "listening") }, 20*time.Second, 5*time.Millisecond)
	at := time.Now().UTC()

	out, err := ask(t, ssh, "rsync --server -logDtpre.iLsfxCIvu . .")
	assert.Error(t, err)
	assert.Contains(t, out, "hello", "data before hello is refused")

	out, err = ask(t, ssh, message(t, "hello", protocol.Hello{Protocol: 1, Relationship: relationship, Run: "by-hand", RecoveryPoint: at}))
	require.NoError(t, err, out)
	var welcome protocol.Welcome
	require.NoError(t, json.Unmarshal([]byte(out), &welcome))
	assert.True(t, welcome.Empty)
	assert.Contains(t, welcome.Requests, protocol.RequestRsync)

	rsync := exec.Command("rsync", "-aAXHS", "--numeric-ids", "--modify-window=-1", "--delete",
		"-e", strings.Join(ssh, " "), s.source+"/", "127.0.0.1:/")
	output, err := rsync.CombinedOutput()
	require.NoError(t, err, string(output))

	commit := message(t, "commit", protocol.Commit{Run: "by-hand", RecoveryPoint: at})
	out, err = ask(t, ssh, commit)
	require.NoError(t, err, out)
	var done protocol.Committed
	require.NoError(t, json.Unmarshal([]byte(out), &done))
	again, err := ask(t, ssh, commit)
	require.NoError(t, err, again)
	assert.Equal(t, out, again, "a repeated commit is answered the same")
	out, err = ask(t, ssh, message(t, "done", protocol.Done{Run: "another"}))
	require.Error(t, err, out)
	out, err = ask(t, ssh, message(t, "done", protocol.Done{Run: "by-hand"}))
	require.NoError(t, err, out)
	exit, heard := listener.wait()
	assert.Equal(t, contract.ExitDone, exit)
	assert.Equal(t, done.Snapshot, heard.Snapshot)
	s.requireReplica(done.Snapshot, tree.Options{})
}

// An OpenSSH client gets nothing else.
func TestOpenSSHClientIsRefused(t *testing.T) {
	s := newSites(t)
	listener, ssh := s.listen(), s.openSSH(t)
	require.Eventually(t, func() bool { return strings.Contains(listener.log.String(), "listening") }, 20*time.Second, 5*time.Millisecond)
	hello := message(t, "hello", protocol.Hello{Protocol: 1, Relationship: relationship, Run: "x", RecoveryPoint: time.Now()})
	out, err := ask(t, ssh, hello)
	require.NoError(t, err, out)
	for _, command := range []string{
		"id", "sh -c id", "scp -t /", "cat /etc/passwd", "rsync --server --sender -logDtpr . /etc",
		"rsync --server -logDtpre.iLsfxCIvu . /etc", "rsync --server -logDtpre.iLsfxCIvu . ../secrets",
		"rsync --server -slogDtpre.iLsfxCIvu", "rsync --server -logDtpre.iLsfxCIvu --temp-dir=/tmp . .",
		"rsync --daemon", "rsync --server -logDtpre.iLsfxCIvu . .; id", "scribe exec id", "scribe hello {}",
		message(t, "hello", protocol.Hello{Protocol: 2, Relationship: relationship, Run: "x", RecoveryPoint: time.Now()}),
		message(t, "hello", protocol.Hello{Protocol: 1, Relationship: "other", Run: "x", RecoveryPoint: time.Now()}),
		message(t, "commit", protocol.Commit{Run: "unknown", RecoveryPoint: time.Now()}),
		message(t, "abort", protocol.Abort{Run: "unknown"}),
	} {
		out, err := ask(t, ssh, command)
		assert.Error(t, err, command)
		assert.NotContains(t, out, "uid=", command)
		assert.NotContains(t, out, "root:x:", command)
	}
	run := func(args ...string) (string, error) {
		cmd := exec.Command(ssh[0], append(append([]string{}, ssh[1:]...), args...)...)
		cmd.Stdin = strings.NewReader("id\n")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	for name, args := range map[string][]string{
		"shell":           {"127.0.0.1"},
		"terminal":        {"-tt", "127.0.0.1"},
		"subsystem":       {"-s", "127.0.0.1", "sftp"},
		"stdio forward":   {"-W", "127.0.0.1:22", "127.0.0.1"},
		"remote forward":  {"-o", "ExitOnForwardFailure=yes", "-N", "-R", "0:127.0.0.1:22", "127.0.0.1"},
		"password":        {"-o", "PubkeyAuthentication=no", "127.0.0.1", "id"},
		"agent forwarded": {"-A", "127.0.0.1", "id"},
	} {
		out, err := run(args...)
		assert.Error(t, err, name)
		assert.NotContains(t, out, "uid=", name)
	}
	assert.Len(t, s.snapshots(), 0)
	replica, err := os.ReadDir(s.replica())
	require.NoError(t, err)
	assert.Empty(t, replica)
	select {
	case <-listener.ended:
		assert.Fail(t, "the listener ended", listener.log.String())
	default:
	}
}

// Push can send to an ordinary OpenSSH server, which moves data out of a cluster.
func TestPushToOpenSSHServer(t *testing.T) {
	s := newSites(t)
	treetest.Make(t, s.source, treetest.MaxPath(3900), treetest.NoHuge())
	target := filepath.Join(t.TempDir(), "with space")
	require.NoError(t, os.Mkdir(target, 0o755))
	s.startSSHD(t)
	push := func(extra ...string) (int, contract.Outcome) {
		p := s.step(contract.Args(&contract.RsyncPush{
			Root: s.source, Keys: s.dest.Secret(contract.PushSecret(relationship)), User: "root",
			RemotePath: target, Guard: contract.Guard{MaxDelete: "10%"},
		}), extra...)
		return p.wait()
	}
	exit, out := push()
	require.Equal(t, contract.ExitDone, exit, out.Reason)
	report, err := tree.Compare(s.source, target, tree.Options{})
	require.NoError(t, err)
	require.True(t, report.Equal(), report.String())
	assert.Positive(t, out.Wire)

	require.NoError(t, exec.Command("sh", "-c", "rm -r "+s.source+"/*").Run())
	s.write(map[string]string{"left": "x"})
	exit, out = push()
	assert.Equal(t, contract.ExitRefused, exit)
	assert.Equal(t, contract.RefusedDeletions, out.Code)
	exit, out = push("--max-delete=100%")
	require.Equal(t, contract.ExitDone, exit, out.Reason)

	wrong := s.dest.Secret(contract.ListenerSecret(relationship))
	require.NoError(t, os.WriteFile(filepath.Join(s.dest.Secret(contract.PushSecret(relationship)), contract.KeyHostPub), readFile(t, filepath.Join(wrong, contract.KeyClientPub)), 0o400))
	exit, out = push()
	assert.Equal(t, contract.ExitRefused, exit)
	assert.Equal(t, contract.RefusedKey, out.Code)
}

func readFile(t *testing.T, name string) []byte {
	b, err := os.ReadFile(name)
	require.NoError(t, err)
	return b
}

// startSSHD runs a private OpenSSH server with the relationship's keys.
func (s *sites) startSSHD(t *testing.T) {
	t.Helper()
	sshd := need(t, "sshd", "openssh-server")
	require.NoError(t, os.MkdirAll("/run/sshd", 0o755), "sshd's privilege separation directory")
	dir := t.TempDir()
	listener := s.dest.Secret(contract.ListenerSecret(relationship))
	host, authorized := filepath.Join(dir, "host"), filepath.Join(dir, "authorized_keys")
	require.NoError(t, os.WriteFile(host, readFile(t, filepath.Join(listener, contract.KeyHost)), 0o600))
	require.NoError(t, os.WriteFile(authorized, readFile(t, filepath.Join(listener, contract.KeyClientPub)), 0o600))
	config := filepath.Join(dir, "sshd_config")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, `
ListenAddress 127.0.0.1
Port %d
HostKey %s
AuthorizedKeysFile %s
PidFile none
StrictModes no
UsePAM no
PermitRootLogin prohibit-password
PasswordAuthentication no
`, s.port, host, authorized), 0o600))
	cmd := exec.Command(sshd, "-D", "-e", "-f", config)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	require.Eventually(t, func() bool {
		return exec.Command("sh", "-c", fmt.Sprintf("exec 3<>/dev/tcp/127.0.0.1/%d", s.port)).Run() == nil ||
			exec.Command("bash", "-c", fmt.Sprintf("exec 3<>/dev/tcp/127.0.0.1/%d", s.port)).Run() == nil
	}, 20*time.Second, 50*time.Millisecond, "sshd does not listen")
}
