package rclonepull_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/objectstore"
	"github.com/backube/scribe-gen/steps/internal/retention"
)

// slowly pulls a large file and one after it, and calls change while the first is
// being fetched.
func slowly(t *testing.T, e *edge, change func()) contract.Outcome {
	t.Helper()
	write(t, e.root+"/a", pattern(6<<20))
	write(t, e.root+"/b", "content")
	e.publish("push-1")
	changed := make(chan struct{})
	go func() {
		defer close(changed)
		assert.Eventually(t, func() bool {
			info, err := os.Stat(e.replica() + "/a")
			return err == nil && info.Size() > 0
		}, 20*time.Second, 5*time.Millisecond)
		change()
	}()
	code, out := e.pull("--bandwidth-limit=1Mi", "--transfers=1")
	<-changed
	assert.Equal(t, contract.ExitFailed, code, out.Reason)
	assert.Contains(t, out.Reason, "nothing was committed")
	assert.Empty(t, e.snapshots())
	assert.Nil(t, e.state().Last)
	return out
}

func pattern(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*31 + i>>9)
	}
	return string(b)
}

func TestGenerationThatVanishesUnderASlowReader(t *testing.T) {
	e := newEdge(t)
	out := slowly(t, e, func() {
		require.NoError(t, os.Remove(e.root+"/a"))
		write(t, e.root+"/b", "other content")
		e.publish("push-2")
		assert.NoError(t, e.store.Unpin(t.Context(), relationship))
		_, err := e.store.Collect(t.Context(), objectstore.Collection{Policy: retention.Policy{Last: 1}, Now: time.Now()})
		assert.NoError(t, err)
	})
	assert.Contains(t, out.Reason, "retry takes the latest")
	again := e.done()
	assert.EqualValues(t, 2, again.Generation)
	e.equal(again)
}

func TestStoreThatIsEmptiedUnderAReader(t *testing.T) {
	e := newEdge(t)
	out := slowly(t, e, func() { assert.NoError(t, os.RemoveAll(filepath.Join(e.bucket, "generations"))) })
	assert.Contains(t, out.Reason, "went away")
}
