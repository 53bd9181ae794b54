package main

import (
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	registerapi "k8s.io/kubelet/pkg/apis/pluginregistration/v1"

	"github.com/backube/scribe-gen/test/cluster/components/driver/internal/btrfstest"
)

// TestKilledWhileCopying kills the driver half way through a copy that takes its
// time, into an image: it leaves mounts, an image, and a copy in tmp.
func TestKilledWhileCopying(t *testing.T) {
	root := btrfstest.Mount(t)
	p := start(t, root)
	source := p.create(t, root, volume("v", nil))
	data := make([]byte, 64<<10)
	_, _ = rand.Read(data)
	for i := range 500 {
		name := filepath.Join(source, "file"+strings.Repeat("x", i%100)+time.Duration(i).String())
		require.NoError(t, os.WriteFile(name, data, 0o600))
	}
	req := clone("v", volume("c", image))
	failed := make(chan error, 1)
	go func() { _, err := p.CreateVolume(t.Context(), req); failed <- err }()
	path := filepath.Join(root, "volumes/c")
	require.Eventually(t, func() bool {
		files, _ := os.ReadDir(path)
		return len(files) > 5
	}, 20*time.Second, time.Millisecond)
	p.kill()
	require.Error(t, <-failed, "the copy was over before the kill")
	require.NoFileExists(t, path+".json")

	p = start(t, root)
	assert.NoDirExists(t, path)
	assert.NoFileExists(t, path+".ext4")
	left, err := os.ReadDir(filepath.Join(root, "tmp"))
	require.NoError(t, err)
	assert.Empty(t, left)
	same(t, source, p.create(t, root, req))
}

func TestSecondDriverIsRefused(t *testing.T) {
	root := t.TempDir()
	start(t, root, "--backing", "dir")
	out, err := exec.Command(binary, "--socket", filepath.Join(root, "s"), "--root", root, "--node", "n", "--backing", "dir").CombinedOutput()
	assert.Error(t, err)
	assert.Contains(t, string(out), "another driver uses this root")
}

func TestRootNeedsBtrfs(t *testing.T) {
	root := t.TempDir()
	out, err := exec.Command(binary, "--socket", filepath.Join(root, "s"), "--root", root, "--node", "n").CombinedOutput()
	assert.Error(t, err)
	assert.Contains(t, string(out), "mkfs.btrfs")
}

func TestRegistration(t *testing.T) {
	root := t.TempDir()
	p := start(t, root, "--backing", "dir")
	socket := filepath.Join(filepath.Dir(p.socket), "registry/csi.scribe.test-reg.sock")
	conn, err := grpc.NewClient("unix://"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer conn.Close()
	kubelet := registerapi.NewRegistrationClient(conn)
	info, err := kubelet.GetInfo(t.Context(), &registerapi.InfoRequest{}, grpc.WaitForReady(true))
	require.NoError(t, err)
	assert.Equal(t, "CSIPlugin", info.GetType())
	assert.Equal(t, "csi.scribe.test", info.GetName())
	assert.Equal(t, p.socket, info.GetEndpoint())
	assert.Equal(t, []string{"1.0.0"}, info.GetSupportedVersions())
	_, err = kubelet.NotifyRegistrationStatus(t.Context(), &registerapi.RegistrationStatus{PluginRegistered: true})
	assert.NoError(t, err)
}
