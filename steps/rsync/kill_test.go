package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/volume"
	"github.com/backube/scribe-gen/tree"
)

// fill makes a source that takes a while to send and that changes a lot between
// runs.
func (s *sites) fill(rng *rand.Rand) {
	for n := range 300 {
		content := make([]byte, rng.IntN(20_000))
		for i := range content {
			content[i] = byte(rng.Uint32())
		}
		dir := filepath.Join(s.source, fmt.Sprintf("d%d", n%15))
		require.NoError(s.t, os.MkdirAll(dir, 0o755))
		require.NoError(s.t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("f%d", n)), content, 0o644))
	}
	big := make([]byte, 3<<20)
	for i := range big {
		big[i] = byte(rng.Uint32())
	}
	require.NoError(s.t, os.WriteFile(filepath.Join(s.source, "big"), big, 0o644))
}

// finish runs the killed run again, as an engine would, until it is committed.
func (s *sites) finish(run string, at time.Time) contract.Outcome {
	s.t.Helper()
	listener, push := s.listen(), s.push(run, at)
	exit, out := push.wait()
	require.Equal(s.t, contract.ExitDone, exit, "push: %s\nlisten: %s", push.log.String(), listener.log.String())
	exit, _ = listener.wait()
	require.Equal(s.t, contract.ExitDone, exit, listener.log.String())
	return out
}

// requireClean requires exactly these replica snapshots, and nothing temporary.
func (s *sites) requireClean(want []string) {
	s.t.Helper()
	_, err := s.store.RemoveTemporary(context.Background(), volume.Owner{Relationship: relationship, Run: "collector"})
	require.NoError(s.t, err)
	require.ElementsMatch(s.t, want, s.snapshots())
	for _, dir := range []string{s.dest.Snapshots(claim), filepath.Join(s.dest.Directory, "volumes"), filepath.Join(s.dest.Directory, "state"), filepath.Join(s.dest.Directory, "secrets")} {
		entries, err := os.ReadDir(dir)
		require.NoError(s.t, err)
		for _, e := range entries {
			assert.NotContains(s.t, e.Name(), "partial", "left in %s", dir)
			assert.False(s.t, strings.HasSuffix(e.Name(), ".tmp"), "%s left in %s", e.Name(), dir)
		}
	}
}

// Push, listen, or both are killed at random instants of a run; the run is tried
// again until it is committed. Each run then has exactly one replica snapshot,
// and that is the source.
func TestKilledAtRandom(t *testing.T) { bothWays(t, killedAtRandom) }

func killedAtRandom(t *testing.T, s *sites) {
	kills := 50
	if s.always != nil {
		kills = 10 // TestKilledByIndex has more
	}
	if testing.Short() {
		kills = 5
	}
	rng := rand.New(rand.NewPCG(7, uint64(kills)))
	var want []string
	for n := 0; n < kills; {
		s.fill(rng)
		run, at := runID(n), time.Now()
		for range 1 + rng.IntN(3) {
			listener, push := s.listen(), s.push(run, at)
			time.Sleep(time.Duration(rng.IntN(700)) * time.Millisecond)
			switch rng.IntN(3) {
			case 0:
				push.kill()
				time.Sleep(time.Duration(rng.IntN(50)) * time.Millisecond)
			case 1:
				listener.kill()
				time.Sleep(time.Duration(rng.IntN(50)) * time.Millisecond)
			}
			push.kill()
			listener.kill()
			n++
		}
		out := s.finish(run, at)
		want = append(want, out.Snapshot)
		s.requireReplica(out.Snapshot, tree.Options{})
		s.requireClean(want)
		if len(want) > 3 { // keep the disk small; retention is another step's
			require.NoError(t, s.store.DeleteSnapshot(context.Background(), claim, want[0]))
			want = want[1:]
		}
	}
}

// One side alone is killed and started again while the other goes on.
func TestOneSideIsRestarted(t *testing.T) { bothWays(t, oneSideIsRestarted) }

func oneSideIsRestarted(t *testing.T, s *sites) {
	rng := rand.New(rand.NewPCG(9, 9))
	for n, killPush := range []bool{true, false, true, false} {
		s.fill(rng)
		run, at := runID(n), time.Now()
		listener, push := s.listen(), s.push(run, at, "--bandwidth-limit=4Mi")
		require.Eventually(t, func() bool { return strings.Contains(listener.log.String(), "run admitted") }, 20*time.Second, 5*time.Millisecond)
		time.Sleep(time.Duration(rng.IntN(400)) * time.Millisecond)
		if killPush {
			push.kill()
			push = s.push(run, at)
		} else {
			listener.kill()
			listener = s.listen()
		}
		exit, _ := push.wait()
		if exit != contract.ExitDone { // the connection broke: the engine tries again
			require.Equal(t, contract.ExitFailed, exit, push.log.String())
			push = s.push(run, at)
			exit, _ = push.wait()
		}
		require.Equal(t, contract.ExitDone, exit, push.log.String())
		exit, out := listener.wait()
		require.Equal(t, contract.ExitDone, exit, listener.log.String())
		s.requireReplica(out.Snapshot, tree.Options{})
		require.Len(t, s.snapshots(), n+1)
	}
}

// The listener is killed at every step of a commit; a push that goes on finds
// the next listener and ends well without being started again, and one that is
// started again does so, too.
func TestKilledDuringCommit(t *testing.T) {
	for _, at := range []string{beforeCut, afterCut, beforeSave, afterSave} {
		for _, restart := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, push restarted %t", at, restart), func(t *testing.T) {
				s := newSites(t)
				s.fill(rand.New(rand.NewPCG(5, 5)))
				point := time.Now()
				t.Setenv(faultVariable, at)
				listener, push := s.listen(), s.push("run", point)
				<-listener.ended
				t.Setenv(faultVariable, "")
				if restart {
					push.kill()
					push = s.push("run", point)
				}
				listener = s.listen()
				exit, out := push.wait()
				require.Equal(t, contract.ExitDone, exit, push.log.String())
				listener.wait()
				s.requireReplica(out.Snapshot, tree.Options{})
				s.requireClean([]string{out.Snapshot})
			})
		}
	}
}

// A push that is killed while its commit is under way and started again does not
// write to the replica meanwhile, and hears that its run is committed.
func TestRetryDuringACommit(t *testing.T) {
	s := newSites(t)
	s.fill(rand.New(rand.NewPCG(6, 6)))
	t.Setenv(faultVariable, slowCut)
	point := time.Now()
	// The window closes during the commit, which does not end it.
	listener, push := s.listen("--grace=3s", "--window=2s"), s.push("run", point)
	require.Eventually(t, func() bool { return strings.Contains(listener.log.String(), "cutting") }, 30*time.Second, 5*time.Millisecond)
	push.kill()
	time.Sleep(2 * time.Second)
	s.write(map[string]string{"big": "changed since, as a live source is"})
	push = s.push("run", point)
	exit, out := push.wait()
	require.Equal(t, contract.ExitDone, exit, push.log.String())
	assert.Contains(t, out.Reason, "committed before")
	assert.Contains(t, push.log.String(), "a commit is under way")
	exit, _ = listener.wait()
	assert.Equal(t, contract.ExitDone, exit)
	info, err := os.Stat(filepath.Join(s.dest.Snapshot(claim, out.Snapshot), "big"))
	require.NoError(t, err)
	assert.Equal(t, int64(3<<20), info.Size(), "the snapshot is what was committed")
}
