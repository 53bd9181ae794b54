package process_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/test/cluster/process"
)

// newSet returns a set in this process's own namespace; a plain directory stands
// for the control group.
func newSet(t *testing.T) process.Set {
	t.Helper()
	if testing.Short() {
		t.Skip("enters namespaces")
	}
	require.Zero(t, os.Getuid(), "entering namespaces needs root")
	dir := t.TempDir()
	return process.Set{Records: dir, Logs: dir, Namespace: "/proc/self/ns/net", ControlGroup: dir}
}

func TestStopAndStartAgain(t *testing.T) {
	s := newSet(t)
	require.NoError(t, s.Start("sleeper", process.Command{Path: "sleep", Args: []string{"1000"}}))
	t.Cleanup(func() { assert.NoError(t, s.Stop(t.Context(), "sleeper")) })
	pid := s.PID("sleeper")
	require.NotZero(t, pid)
	require.NoError(t, s.Start("sleeper", process.Command{Path: "false"}), "it runs already")
	assert.Equal(t, pid, s.PID("sleeper"))
	var entered int // before it becomes the program
	require.Eventually(t, func() bool {
		raw, err := os.ReadFile(filepath.Join(s.ControlGroup, "cgroup.procs"))
		return err == nil && json.Unmarshal(raw, &entered) == nil
	}, 5*time.Second, 5*time.Millisecond)
	assert.Equal(t, pid, entered, "the process that entered the control group is the program")

	require.NoError(t, s.Stop(t.Context(), "sleeper"))
	assert.False(t, s.Alive("sleeper"))
	require.NoError(t, s.Stop(t.Context(), "sleeper"), "again")
	require.NoError(t, s.Again("sleeper"))
	assert.True(t, s.Alive("sleeper"))
	assert.NotEqual(t, pid, s.PID("sleeper"))
	require.NoError(t, s.Stop(t.Context(), "sleeper"))
}

func TestStopKillsWhatDoesNotListen(t *testing.T) {
	s := newSet(t)
	c := process.Command{Path: "bash", Args: []string{"-c", "trap '' TERM; echo ready; while :; do sleep 0.1; done"}}
	for _, c.Abrupt = range []bool{true, false} {
		require.NoError(t, s.Start("deaf", c))
		require.Eventually(t, func() bool { return strings.Contains(s.Tail("deaf"), "ready") }, 5*time.Second, 10*time.Millisecond)
		began := time.Now()
		require.NoError(t, s.Stop(t.Context(), "deaf"))
		assert.Equal(t, c.Abrupt, time.Since(began) < process.Grace)
		require.NoError(t, os.Remove(s.Log("deaf")))
	}
}

func TestTailShowsWhyItEnded(t *testing.T) {
	s := newSet(t)
	require.NoError(t, s.Start("failing", process.Command{Path: "bash", Args: []string{"-c", "sleep 0.1; seq 100; echo no such thing >&2"}}))
	require.Eventually(t, func() bool { return !s.Alive("failing") }, 5*time.Second, 10*time.Millisecond)
	tail := s.Tail("failing")
	assert.Contains(t, tail, s.Log("failing"))
	assert.Contains(t, tail, "\n  100\n  no such thing")
	assert.NotContains(t, tail, "\n  50\n")
	assert.Empty(t, s.Tail("unknown"))
}

func TestAnotherProcessWithTheSameIDIsLeftAlone(t *testing.T) {
	s := newSet(t)
	require.ErrorIs(t, s.Stop(t.Context(), "stale"), process.ErrUnknown)
	for _, stale := range []string{
		`{"path": "sleep", "pid": ` + self() + `, "start": 1, "boot": "another"}`,
		`{"path": "sleep"}`, // a start that was killed in between
	} {
		require.NoError(t, os.WriteFile(filepath.Join(s.Records, "stale.json"), []byte(stale), 0o644))
		assert.False(t, s.Alive("stale"))
		assert.NoError(t, s.Stop(t.Context(), "stale"), "this very test would end")
	}
}

func self() string {
	raw, _ := json.Marshal(os.Getpid())
	return string(raw)
}
