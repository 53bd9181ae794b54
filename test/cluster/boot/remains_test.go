package boot_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moby/sys/mountinfo"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/backube/scribe-gen/test/cluster/boot"
	"github.com/backube/scribe-gen/test/cluster/network"
)

// down takes the cluster down with a pod that runs, and looks for remains.
func (s *suite) down(t *testing.T, ctx context.Context) {
	s.run(t, ctx, pod("stays", "", "serve", ":8080"), corev1.PodRunning)
	before := remains(t)
	for _, kind := range []string{"files", "mounts", "processes", "loop devices", "namespace", "control groups", "links to logs", "records of networks"} {
		assert.NotEmpty(t, before[kind], "the test looks at the right place for %s", kind)
	}
	began := time.Now()
	require.NoError(t, s.cluster.Down(ctx))
	assert.Less(t, time.Since(began), 15*time.Second)
	for kind, left := range remains(t) {
		assert.Empty(t, left, kind)
	}
	require.NoError(t, s.cluster.Down(ctx), "again")
	_, err := boot.Open(nodeName)
	assert.ErrorIs(t, err, os.ErrNotExist)
}

// remains lists what there is of the cluster, by kind.
func remains(t *testing.T) map[string][]string {
	t.Helper()
	dir := filepath.Join(boot.Root, nodeName)
	glob := func(pattern string) []string {
		list, err := filepath.Glob(pattern)
		require.NoError(t, err)
		return list
	}
	found := map[string][]string{
		"files":               glob(dir),
		"namespace":           glob(network.Path(nodeName)),
		"control groups":      append(glob("/sys/fs/cgroup/scribe-"+nodeName), glob("/sys/fs/cgroup/*/scribe-"+nodeName)...),
		"records of networks": glob("/var/lib/cni/results/scribe-" + nodeName + "-*"),
	}
	mounts, err := mountinfo.GetMounts(mountinfo.PrefixFilter(dir))
	require.NoError(t, err)
	for _, m := range mounts {
		found["mounts"] = append(found["mounts"], m.Mountpoint)
	}
	for _, f := range glob("/proc/[0-9]*/cmdline") {
		if raw, err := os.ReadFile(f); err == nil && strings.Contains(string(raw), dir+"/") {
			found["processes"] = append(found["processes"], strings.ReplaceAll(string(raw), "\x00", " "))
		}
	}
	for _, f := range glob("/sys/block/loop*/loop/backing_file") {
		if raw, err := os.ReadFile(f); err == nil && strings.HasPrefix(string(raw), dir+"/") {
			found["loop devices"] = append(found["loop devices"], f)
		}
	}
	for _, f := range glob("/var/log/containers/*") {
		if target, err := os.Readlink(f); err == nil && strings.HasPrefix(target, dir+"/") {
			found["links to logs"] = append(found["links to logs"], f)
		}
	}
	return found
}
