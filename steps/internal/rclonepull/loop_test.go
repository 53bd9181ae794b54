package rclonepull_test

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/objectstore"
	"github.com/backube/scribe-gen/steps/internal/retention"
	"github.com/backube/scribe-gen/tree/sample"
)

// A reader that pulls without a pause while generation follows generation, and
// old ones are removed as soon as they may be, commits nothing but whole ones.
func TestReaderDuringManyPushes(t *testing.T) {
	e := newEdge(t)
	require.NoError(t, sample.Volume(e.root, 150, 1))
	var mu sync.Mutex
	digests := map[int64]string{}
	publish := func(i int) {
		g := e.publish(fmt.Sprintf("push-%d", i))
		mu.Lock()
		digests[g.Number] = g.Digest
		mu.Unlock()
	}
	publish(0)
	published := make(chan struct{})
	generations := 100
	if testing.Short() {
		generations = 20
	}
	go func() {
		defer close(published)
		rng := sample.NewRand(7)
		for i := range generations {
			if _, err := sample.Mutate(e.root, 30, rng); !assert.NoError(t, err) {
				return
			}
			publish(i + 1)
			_, err := e.store.Collect(t.Context(), objectstore.Collection{Policy: retention.Policy{Last: 1}, Now: time.Now()})
			assert.NoError(t, err)
		}
	}()
	failed := 0
	for pulling := true; pulling; {
		select {
		case <-published:
			pulling = false
		default:
		}
		code, out := e.pull()
		if code != contract.ExitDone {
			require.Equal(t, contract.ExitFailed, code, out.Reason)
			require.Contains(t, out.Reason, "nothing was committed")
			failed++
		}
	}
	e.done()
	snapshots, err := e.sites.Snapshots(t.Context(), claim, relationship)
	require.NoError(t, err)
	t.Logf("%d replica snapshots of %d generations, %d pulls that failed", len(snapshots), len(digests), failed)
	require.NotEmpty(t, snapshots)
	for _, s := range snapshots {
		assert.Equal(t, digests[s.Generation], s.Digest)
		assert.Equal(t, s.Digest, digestOf(t, filepath.Join(e.site.Snapshots(claim), s.Name)), "generation %d", s.Generation)
	}
	assert.Equal(t, digestOf(t, e.root), digestOf(t, e.replica()))
}
