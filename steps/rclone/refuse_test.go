package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/steps/contract"
)

func TestRefused(t *testing.T) {
	s, store := localSource(t)
	s.push("empty", time.Now()).refused(contract.RefusedEmptySource)
	assert.Zero(t, objects(store))
	s.publish("allowed", "--allow-empty-source")
	for n := range 10 {
		s.write(map[string]string{runID(n): runID(n)})
	}
	at := time.Now()
	out := s.push("full", at).done()

	again := s.push("full", at).done()
	assert.Equal(t, out.Generation, again.Generation)
	assert.Equal(t, out.Digest, again.Digest)
	assert.Contains(t, again.Reason, "before")
	s.push("older", at.Add(-time.Hour)).refused(contract.RefusedStale)

	before := objects(store)
	for n := range 9 {
		require.NoError(t, os.Remove(filepath.Join(s.root, runID(n))))
	}
	s.write(map[string]string{"new": "is not uploaded either"})
	refused := s.push("deleting", time.Now()).refused(contract.RefusedDeletions)
	assert.Contains(t, refused.Reason, runID(0))
	assert.Equal(t, before, objects(store))
	s.publish("meant", "--max-delete=100%")
	s.requirePublished()

	s.update(func(state *contract.State) { state.Paused = &contract.Pause{Reason: "maintenance", Time: time.Now()} })
	s.push("paused", time.Now()).refused(contract.RefusedPaused)
	s.update(func(state *contract.State) { state.Paused = nil })

	// Another replication's store.
	other, _ := localSource(t)
	other.remote = s.remote
	other.write(map[string]string{"file": "of another replication"})
	other.push("stranger", time.Now(), "--replication=another").refused(contract.RefusedStore)
}

// The state of the site may be lost: the store knows what was published.
func TestLostState(t *testing.T) {
	s, _ := localSource(t)
	s.write(map[string]string{"file": "content"})
	at := time.Now()
	out := s.push("run", at).done()
	s.publish("next")
	require.NoError(t, os.RemoveAll(filepath.Join(s.site.Directory, "state")))
	again := s.push("run", at).done()
	assert.Equal(t, out.Generation, again.Generation)
	s.push("older", at.Add(-time.Minute)).refused(contract.RefusedStale)
	assert.Len(t, s.generations(), 2)
}

func TestUsage(t *testing.T) {
	s, _ := localSource(t)
	for _, extra := range []string{"--root=", "--remote=", "--replication=", "--recovery-point=yesterday", "--max-delete=most",
		"--filter-file=/nonexistent", "--bandwidth-limit=-1", "--config=/nonexistent", "--remote=unknown:path"} {
		s.write(map[string]string{"file": "content"})
		code, out := s.push("run", time.Now(), extra).wait()
		assert.Equal(t, contract.ExitUsage, code, "%s: %s", extra, out.Reason)
		assert.Contains(t, out.Reason, extra[:4], extra)
	}
}
