package main

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestFaultOnCloneOnly(t *testing.T) {
	root := t.TempDir()
	p := start(t, root, "--backing", "dir")
	class := map[string]string{"fault.code": "ResourceExhausted", "fault.error": "pool is full", "fault.on": "clone", "fault.times": "2"}
	p.create(t, root, volume("v", class))
	_, err := p.CreateSnapshot(t.Context(), snapshot("s", "v", nil))
	require.NoError(t, err)
	p.create(t, root, restore("s", volume("r", class)))
	for range 2 {
		_, err := p.CreateVolume(t.Context(), clone("v", volume("c", class)))
		assert.Equal(t, codes.ResourceExhausted, status.Code(err))
		assert.ErrorContains(t, err, "pool is full")
	}
	p.create(t, root, clone("v", volume("c", class)))
}

// TestDelayBlocksNoOther creates a volume while a call for another waits, and
// leaves nothing behind when the waiting caller gives up.
func TestDelayBlocksNoOther(t *testing.T) {
	root := t.TempDir()
	p := start(t, root, "--backing", "dir")
	ctx, cancel := context.WithCancel(t.Context())
	waiting := make(chan error, 1)
	go func() {
		_, err := p.CreateVolume(ctx, volume("slow", map[string]string{"fault.delay": "1h"}))
		waiting <- err
	}()
	begun := time.Now()
	p.create(t, root, volume("quick", nil))
	assert.Less(t, time.Since(begun), 5*time.Second)
	cancel()
	assert.Equal(t, codes.Canceled, status.Code(<-waiting))
	assert.NoDirExists(t, root+"/volumes/slow")
}

func TestSnapshotNotReady(t *testing.T) {
	root := t.TempDir()
	p := start(t, root, "--backing", "dir")
	p.create(t, root, volume("v", nil))
	class := map[string]string{"fault.readyAfter": "3s"}
	first, err := p.CreateSnapshot(t.Context(), snapshot("s", "v", class))
	require.NoError(t, err)
	assert.False(t, first.GetSnapshot().GetReadyToUse())
	_, err = p.CreateVolume(t.Context(), restore("s", volume("r", nil)))
	assert.Equal(t, codes.Unavailable, status.Code(err))
	p.kill()
	p = start(t, root, "--backing", "dir")
	assert.Eventually(t, func() bool {
		again, err := p.CreateSnapshot(t.Context(), snapshot("s", "v", class))
		return err == nil && again.GetSnapshot().GetReadyToUse() &&
			again.GetSnapshot().GetCreationTime().AsTime().Equal(first.GetSnapshot().GetCreationTime().AsTime())
	}, 20*time.Second, 50*time.Millisecond)
	p.create(t, root, restore("s", volume("r", nil)))

	never, err := p.CreateSnapshot(t.Context(), snapshot("n", "v", map[string]string{"fault.readyAfter": "never"}))
	require.NoError(t, err)
	assert.False(t, never.GetSnapshot().GetReadyToUse())
}

func TestRefusedRequests(t *testing.T) {
	root := t.TempDir()
	p := start(t, root, "--backing", "dir")
	p.create(t, root, volume("v", nil))
	for _, class := range []map[string]string{
		{"backing": "tape"}, {"fault.delay": "soon"}, {"colour": "red"}, {"fault.readyAfter": "1s"},
	} {
		_, err := p.CreateVolume(t.Context(), volume("w", class))
		assert.Equal(t, codes.InvalidArgument, status.Code(err), class)
	}
	_, err := p.CreateSnapshot(t.Context(), snapshot("s", "v", map[string]string{"fault.on": "clone"}))
	assert.Equal(t, codes.InvalidArgument, status.Code(err))
	p.kill()

	plain := start(t, root, "--backing", "dir", "--plain")
	_, err = plain.CreateVolume(t.Context(), clone("v", volume("c", nil)))
	assert.Equal(t, codes.InvalidArgument, status.Code(err))
	_, err = plain.CreateSnapshot(t.Context(), snapshot("s", "v", nil))
	assert.Equal(t, codes.Unimplemented, status.Code(err))
}
