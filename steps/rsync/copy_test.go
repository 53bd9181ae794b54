package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/tree"
	"github.com/backube/scribe-gen/tree/treetest"
)

func (s *sites) copy(run string, at time.Time, extra ...string) *process {
	return s.step(contract.Args(&contract.RsyncCopy{
		Common:  contract.Common{Relationship: relationship, Run: run},
		Site:    contract.Site{Directory: s.dest.Directory},
		Guard:   contract.Guard{MaxDelete: "50%"},
		Replica: contract.Replica{Claim: claim, Root: s.replica()},
		Source:  s.source, RecoveryPoint: at.UTC().Format(time.RFC3339Nano),
	}), slices.Concat(s.always, extra)...)
}

// Copy keeps the same contract as push and listen, without network.
func TestCopy(t *testing.T) { bothWays(t, copies) }

func copies(t *testing.T, s *sites) {
	exit, out := s.copy("empty", time.Now()).wait()
	assert.Equal(t, contract.ExitRefused, exit)
	assert.Equal(t, contract.RefusedEmptySource, out.Code)

	treetest.Make(t, s.source, treetest.MaxPath(4000), treetest.NoHuge())
	rng := rand.New(rand.NewPCG(21, 22))
	var last contract.Outcome
	at := time.Now()
	for n := range 4 {
		at = time.Now()
		exit, last = s.copy(runID(n), at).wait()
		require.Equal(t, contract.ExitDone, exit, last.Reason)
		s.requireReplica(last.Snapshot, tree.Options{})
		if n < 3 {
			treetest.Mutate(t, s.source, rng)
		}
	}
	exit, again := s.copy(runID(3), at).wait()
	assert.Equal(t, contract.ExitDone, exit)
	assert.Equal(t, last.Snapshot, again.Snapshot)
	exit, out = s.copy("old", at.Add(-time.Hour)).wait()
	assert.Equal(t, contract.ExitRefused, exit)
	assert.Equal(t, contract.RefusedStale, out.Code)

	require.NoError(t, os.RemoveAll(s.source))
	s.write(map[string]string{"only": "this"})
	exit, out = s.copy("deleting", time.Now()).wait()
	assert.Equal(t, contract.ExitRefused, exit)
	assert.Equal(t, contract.RefusedDeletions, out.Code)
	assert.Len(t, s.snapshots(), 4)
	exit, out = s.copy("allowed", time.Now(), "--max-delete=100%").wait()
	require.Equal(t, contract.ExitDone, exit, out.Reason)
	s.requireReplica(out.Snapshot, tree.Options{})
}

func TestCopyKilled(t *testing.T) { bothWays(t, copyKilled) }

func copyKilled(t *testing.T, s *sites) {
	rng := rand.New(rand.NewPCG(23, 24))
	var want []string
	for n := range 8 {
		s.fill(rng)
		run, at := fmt.Sprintf("killed-%d", n), time.Now()
		for range 2 {
			p := s.copy(run, at)
			time.Sleep(time.Duration(rng.IntN(300)) * time.Millisecond)
			p.kill()
		}
		exit, out := s.copy(run, at).wait()
		require.Equal(t, contract.ExitDone, exit, out.Reason)
		want = append(want, out.Snapshot)
		s.requireReplica(out.Snapshot, tree.Options{})
		s.requireClean(want)
	}
}
