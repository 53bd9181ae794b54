package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/link"
	"github.com/backube/scribe-gen/steps/internal/volume"
	"github.com/backube/scribe-gen/tree"
)

// requireRefused pushes a run that must be refused for good, leaving the replica
// snapshots alone.
func (s *sites) requireRefused(code contract.Refusal, run string, at time.Time, extra ...string) contract.Outcome {
	s.t.Helper()
	before := s.snapshots()
	listener, push := s.listen("--window=2s"), s.push(run, at, extra...)
	exit, out := push.wait()
	require.Equal(s.t, contract.ExitRefused, exit, push.log.String())
	assert.Equal(s.t, code, out.Code, out.Reason)
	assert.Equal(s.t, contract.ResultRefused, out.Outcome)
	listener.wait()
	assert.Equal(s.t, before, s.snapshots())
	return out
}

func TestGuard(t *testing.T) {
	s := newSites(t)
	s.requireRefused(contract.RefusedEmptySource, "empty", time.Now())

	for n := range 20 {
		s.write(map[string]string{fmt.Sprintf("d%d/file", n%4) + strconv.Itoa(n): "x"})
	}
	first := s.sync("full")
	// Renaming all is deleting all: what ransomware does.
	for n := range 20 {
		name := filepath.Join(s.source, fmt.Sprintf("d%d/file", n%4)+strconv.Itoa(n))
		require.NoError(t, os.Rename(name, name+".locked"))
	}
	out := s.requireRefused(contract.RefusedDeletions, "renamed", time.Now())
	assert.Contains(t, out.Reason, "20 of the replica's 25 entries")
	assert.Contains(t, out.Reason, `"d0/file0"`)
	// The replica itself was not touched either.
	report, err := tree.Compare(s.dest.Snapshot(claim, first.Snapshot), s.replica(), tree.Options{})
	require.NoError(t, err)
	assert.True(t, report.Equal(), report.String())

	listener, push := s.listen(), s.push("allowed", time.Now(), "--max-delete=20")
	exit, out := push.wait()
	require.Equal(t, contract.ExitDone, exit, out.Reason)
	assert.Equal(t, int64(20), out.Deleted)
	listener.wait()
	s.requireReplica(out.Snapshot, tree.Options{})
}

func TestEmptySourceWhenAllowed(t *testing.T) {
	s := newSites(t)
	s.write(map[string]string{"a": "x"})
	s.sync("one")
	require.NoError(t, os.Remove(filepath.Join(s.source, "a")))
	require.NoError(t, os.Mkdir(filepath.Join(s.source, "lost+found"), 0o700))
	s.requireRefused(contract.RefusedEmptySource, "two", time.Now())
	s.requireRefused(contract.RefusedDeletions, "three", time.Now(), "--allow-empty-source", "--max-delete=0")
	listener, push := s.listen(), s.push("four", time.Now(), "--allow-empty-source", "--max-delete=100%")
	exit, out := push.wait()
	require.Equal(t, contract.ExitDone, exit, out.Reason)
	listener.wait()
	s.requireReplica(out.Snapshot, tree.Options{})
}

func TestFencing(t *testing.T) {
	s := newSites(t)
	s.write(map[string]string{"a": "x"})
	now := time.Now()
	listener, push := s.listen(), s.push("second", now)
	exit, done := push.wait()
	require.Equal(t, contract.ExitDone, exit)
	listener.wait()

	s.requireRefused(contract.RefusedClock, "future", now.Add(2*time.Hour))
	out := s.requireRefused(contract.RefusedStale, "first", now.Add(-time.Minute))
	assert.Contains(t, out.Reason, "second")

	// The recorded run hears that it is done, without data, and without a second
	// snapshot.
	listener, push = s.listen(), s.push("second", now)
	exit, again := push.wait()
	assert.Equal(t, contract.ExitDone, exit)
	assert.Equal(t, done.Snapshot, again.Snapshot)
	assert.Contains(t, again.Reason, "committed before")
	listener.wait()
	assert.Len(t, s.snapshots(), 1)

	change := func(f func(*contract.State)) {
		_, err := volume.Update(context.Background(), s.store, relationship, func(state *contract.State) error {
			f(state)
			return nil
		})
		require.NoError(t, err)
	}
	change(func(st *contract.State) { st.Paused = &contract.Pause{Reason: "maintenance", Time: now} })
	out = s.requireRefused(contract.RefusedPaused, "third", time.Now())
	assert.Contains(t, out.Reason, "maintenance")
	change(func(st *contract.State) {
		st.Paused = nil
		st.Promoted = &contract.Promotion{Snapshot: done.Snapshot, Claim: "app", Time: now, Complete: true}
	})
	out = s.requireRefused(contract.RefusedPromoted, "third", time.Now())
	assert.Contains(t, out.Reason, "app")
	change(func(st *contract.State) { st.Promoted = nil })
	s.sync("third")
}

// A promotion while data is flowing ends the transfer; the push hears why, and
// the listener gives the replica back.
func TestPromotionDuringAPush(t *testing.T) {
	s := newSites(t)
	s.write(map[string]string{"a": "x"})
	s.sync("first")
	big := make([]byte, 4<<20)
	require.NoError(t, os.WriteFile(filepath.Join(s.source, "big"), big, 0o644))
	listener, push := s.listen(), s.push("second", time.Now(), "--bandwidth-limit=100Ki")
	require.Eventually(t, func() bool {
		list, _ := os.ReadDir(s.replica())
		return len(list) > 1
	}, 30*time.Second, 10*time.Millisecond)
	_, err := volume.Update(context.Background(), s.store, relationship, func(state *contract.State) error {
		state.Promoted = &contract.Promotion{Snapshot: "x", Claim: "app", Time: time.Now()}
		return nil
	})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	release, _, err := volume.LockRoot(ctx, s.replica())
	require.NoError(t, err, "the listener must give the replica back")
	release()
	exit, out := push.wait()
	assert.Equal(t, contract.ExitRefused, exit, push.log.String())
	assert.Equal(t, contract.RefusedPromoted, out.Code)
	exit, heard := listener.wait()
	assert.Equal(t, contract.ExitDone, exit)
	assert.Equal(t, contract.ResultNothing, heard.Outcome)
	assert.Len(t, s.snapshots(), 1)
}

func TestKeysMustMatch(t *testing.T) {
	s := newSites(t)
	s.write(map[string]string{"a": "x"})
	keys := s.dest.Secret(contract.PushSecret(relationship))
	foreign, err := link.NewKeyPair("foreign")
	require.NoError(t, err)
	replace := func(key string, content []byte) (restore func()) {
		path := filepath.Join(keys, key)
		old, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, content, 0o400))
		return func() { require.NoError(t, os.WriteFile(path, old, 0o400)) }
	}
	restore := replace(contract.KeyClient, foreign.Private)
	out := s.requireRefused(contract.RefusedKey, "one", time.Now())
	assert.Contains(t, out.Reason, "client key not accepted")
	restore()
	restore = replace(contract.KeyHostPub, foreign.Public)
	out = s.requireRefused(contract.RefusedKey, "one", time.Now())
	assert.Contains(t, out.Reason, "host key mismatch")
	restore()
	exit, out := s.push("one", time.Now(), "--keys="+t.TempDir()).wait()
	assert.Equal(t, contract.ExitRefused, exit)
	assert.Equal(t, contract.RefusedKey, out.Code)
	assert.Contains(t, out.Reason, "scribe-gen connect")
	s.sync("one")
}

// During a rotation a source with the old push Secret and one with the new one
// both succeed; once the new one was used, the old one does not.
func TestRotation(t *testing.T) {
	s := newSites(t)
	s.write(map[string]string{"a": "x"})
	s.sync("one")
	secret := s.dest.Secret(contract.PushSecret(relationship))
	old := filepath.Join(t.TempDir(), "old")
	require.NoError(t, exec.Command("cp", "-a", secret, old).Run())
	out := s.keys("--rotate")
	assert.Contains(t, out.Reason, "rotation began")
	assert.Contains(t, s.keys("--rotate").Reason, "kept", "a rotation under way is not begun again")

	withOld := func(run string) (int, contract.Outcome) {
		listener, push := s.listen("--window=2s"), s.push(run, time.Now(), "--keys="+old)
		exit, out := push.wait()
		listener.wait()
		return exit, out
	}
	exit, out := withOld("two")
	assert.Equal(t, contract.ExitDone, exit, out.Reason)
	assert.Contains(t, s.keys().Reason, "kept", "the next key was not used yet")
	s.sync("three")
	assert.Contains(t, s.keys().Reason, "rotation finished")
	exit, out = withOld("four")
	assert.Equal(t, contract.ExitRefused, exit)
	assert.Equal(t, contract.RefusedKey, out.Code)
	s.sync("five")
	s.keys()
	s.sync("six")
}

func TestOneRunAtATime(t *testing.T) {
	s := newSites(t)
	big := make([]byte, 4<<20)
	require.NoError(t, os.WriteFile(filepath.Join(s.source, "big"), big, 0o644))
	listener, first := s.listen(), s.push("first", time.Now(), "--bandwidth-limit=500Ki")
	require.Eventually(t, func() bool {
		list, _ := os.ReadDir(s.replica())
		return len(list) > 0
	}, 30*time.Second, 10*time.Millisecond)
	second := s.push("second", time.Now(), "--connect-timeout=1s")
	exit, out := second.wait()
	assert.Equal(t, contract.ExitFailed, exit, "busy may be retried")
	assert.Equal(t, contract.ResultFailed, out.Outcome)
	assert.Contains(t, out.Reason, "run first is under way")
	exit, _ = first.wait()
	assert.Equal(t, contract.ExitDone, exit, first.log.String())
	listener.wait()
}

func TestWindowWithoutARun(t *testing.T) {
	s := newSites(t)
	exit, out := s.listen("--window=300ms").wait()
	assert.Equal(t, contract.ExitDone, exit)
	assert.Equal(t, contract.ResultNothing, out.Outcome)
	assert.Contains(t, out.Reason, "window")
}

func TestSnapshotFailureIsRetried(t *testing.T) {
	s := newSites(t)
	s.write(map[string]string{"a": "x"})
	t.Setenv(faultVariable, failCut)
	listener, push := s.listen(), s.push("one", time.Now())
	exit, out := push.wait()
	assert.Equal(t, contract.ExitFailed, exit)
	assert.Contains(t, out.Reason, "cut replica snapshot")
	listener.kill()
	t.Setenv(faultVariable, "")
	assert.Len(t, s.snapshots(), 0)
	s.requireReplica(s.sync("one").Snapshot, tree.Options{})
}
