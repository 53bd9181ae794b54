package main

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/test/cluster/components/driver/internal/btrfstest"
)

// TestManyAtOnce takes volumes of both backings through their lives at the same
// time, and finds nothing left.
func TestManyAtOnce(t *testing.T) {
	root := btrfstest.Mount(t)
	p := start(t, root)
	var lives sync.WaitGroup
	for i := range 20 {
		class := map[string]string{"backing": []string{"tree", "image"}[i%2]}
		lives.Go(func() { assert.NoError(t, p.live(t, fmt.Sprint(i), class)) })
	}
	lives.Wait()
	for _, dir := range []string{"volumes", "snapshots", "tmp"} {
		left, err := os.ReadDir(filepath.Join(root, dir))
		require.NoError(t, err)
		assert.Empty(t, left, dir)
	}
}

// live creates, snapshots, restores and deletes volume name.
func (p *process) live(t *testing.T, name string, class map[string]string) error {
	if _, err := p.CreateVolume(t.Context(), volume("v"+name, class)); err != nil {
		return err
	}
	if _, err := p.CreateSnapshot(t.Context(), snapshot("s"+name, "v"+name, nil)); err != nil {
		return err
	}
	if _, err := p.CreateVolume(t.Context(), restore("s"+name, volume("r"+name, class))); err != nil {
		return err
	}
	for _, id := range []string{"v" + name, "r" + name} {
		if _, err := p.DeleteVolume(t.Context(), &csi.DeleteVolumeRequest{VolumeId: id}); err != nil {
			return err
		}
	}
	_, err := p.DeleteSnapshot(t.Context(), &csi.DeleteSnapshotRequest{SnapshotId: "s" + name})
	return err
}
