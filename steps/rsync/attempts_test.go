package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/tree"
)

// attempts makes the steps that are started from now on try again by themselves.
func attempts(t *testing.T, backoff string) {
	t.Setenv(contract.RetryLimitVariable, "100")
	t.Setenv(contract.RetryBackoffVariable, backoff)
	t.Setenv(contract.RetryMaxBackoffVariable, backoff)
}

func (p *process) awaitLog(words string) {
	p.t.Helper()
	require.Eventually(p.t, func() bool { return strings.Contains(p.log.String(), words) }, time.Minute, 20*time.Millisecond, "not logged: %s", words)
}

// A push whose commit fails again and again succeeds, in one process, once a
// listener takes it.
func TestPushTriesAgainInOneProcess(t *testing.T) {
	s := newSites(t)
	s.write(map[string]string{"a": "1", "dir/b": "2"})
	t.Setenv(faultVariable, failCut)
	failing := s.listen()
	t.Setenv(faultVariable, "")
	attempts(t, "100ms")
	push := s.push("run-1", time.Now())
	push.awaitLog(`"attempt":"3"`)
	failing.kill()
	s.listen()
	code, out := push.wait()
	require.Equal(t, contract.ExitDone, code, push.log.String())
	assert.Greater(t, out.Attempt, 2)
	s.requireReplica(out.Snapshot, tree.Options{})
	assert.Len(t, s.snapshots(), 1)
}

// A listener gives back its port and the replica when an attempt fails.
func TestListenTriesAgainInOneProcess(t *testing.T) {
	s := newSites(t)
	s.write(map[string]string{"a": "1"})
	inTheWay := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(inTheWay, nil, 0o600))
	attempts(t, "50ms")
	listener := s.listen("--port-file=" + filepath.Join(inTheWay, "port"))
	listener.awaitLog(`"attempt":"4"`)
	require.NoError(t, os.Remove(inTheWay))
	push := s.push("run-1", time.Now())
	code, out := push.wait()
	require.Equal(t, contract.ExitDone, code, push.log.String())
	code, heard := listener.wait()
	require.Equal(t, contract.ExitDone, code, listener.log.String())
	assert.Equal(t, out.Snapshot, heard.Snapshot)
	assert.GreaterOrEqual(t, heard.Attempt, 4)
	s.requireReplica(out.Snapshot, tree.Options{})
}

// A refusal is final however many attempts are left.
func TestRefusedPushMakesOneAttempt(t *testing.T) {
	s := newSites(t)
	attempts(t, "50ms")
	listener := s.listen()
	push := s.push("run-1", time.Now()) // of an empty source
	code, out := push.wait()
	assert.Equal(t, contract.ExitRefused, code, push.log.String())
	assert.Equal(t, contract.RefusedEmptySource, out.Code)
	assert.Equal(t, 1, out.Attempt)
	code, _ = listener.wait()
	assert.Equal(t, contract.ExitRefused, code, listener.log.String())
}

// A pod that is taken away has not given up, wherever its step is.
func TestTerminatedStepsMayBeStartedAgain(t *testing.T) {
	s := newSites(t)
	s.write(map[string]string{"a": "1"})
	attempts(t, "1h")
	for name, start := range map[string]func() *process{
		"waiting for the listener": func() *process {
			p := s.push("run-1", time.Now())
			p.awaitLog("waiting for the listener")
			return p
		},
		"in a pause": func() *process {
			p := s.push("run-1", time.Now(), "--connect-timeout=100ms")
			p.awaitLog("trying again after a pause")
			return p
		},
		"listening": func() *process {
			p := s.listen()
			p.awaitLog(`"msg":"listening"`)
			return p
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := start()
			require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
			code, out := p.wait()
			assert.Equal(t, contract.ExitTerminated, code, p.log.String())
			assert.Equal(t, contract.ResultFailed, out.Outcome)
		})
	}
}
