// Package apiserver tests that a real API server takes the bundles as they are:
// with the full CustomResourceDefinitions, strict validation, admission by Tekton's
// webhook, Pod Security Standards and quotas, and its own view of who may do what.
// No pod runs: the cluster is a control plane without nodes. Tekton's controller
// makes the pods all the same.
package apiserver

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/backube/scribe-gen/test/cluster/boot"
	"github.com/backube/scribe-gen/test/internal/kube"
)

// name is the control plane's. It is none that people give their clusters.
const name = "scribe-apiserver"

// Limits of time. The first build compiles Kubernetes.
const (
	upLimit   = 30 * time.Minute
	downLimit = time.Minute
)

func TestMain(m *testing.M) {
	flag.Parse()
	if testing.Short() {
		os.Exit(m.Run())
	}
	os.Exit(alone(m))
}

// alone runs the tests while no other process does, and takes the control plane
// down. One that a killed process left is taken over by the next.
func alone(m *testing.M) int {
	lock, err := os.OpenFile(filepath.Join(os.TempDir(), name+".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err == nil {
		defer lock.Close()
		err = unix.Flock(int(lock.Fd()), unix.LOCK_EX)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "waiting for other runs of these tests:", err)
		return 1
	}
	code := m.Run()
	ctx, cancel := context.WithTimeout(context.Background(), downLimit)
	defer cancel()
	if err := boot.Down(ctx, name); err != nil {
		fmt.Fprintf(os.Stderr, "taking down the control plane %s: %v\n", name, err)
		return max(code, 1)
	}
	return code
}

// up boots the control plane once, when the first test asks for it.
var up = sync.OnceValues(func() (*kube.Cluster, error) {
	ctx, cancel := context.WithTimeout(context.Background(), upLimit)
	defer cancel()
	cluster, err := boot.Up(ctx, boot.Options{
		Name: name, ControlPlane: true, Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err != nil {
		return nil, err
	}
	c, err := kube.Connect(cluster.Kubeconfig, "")
	if err != nil {
		return nil, err
	}
	c.Throwaway = true
	return c, nil
})

// server is the control plane that all tests share. They run side by side, each in
// namespaces of its own.
func server(t *testing.T) *kube.Cluster {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a control plane")
	}
	t.Parallel()
	c, err := up()
	require.NoError(t, err)
	return c
}
