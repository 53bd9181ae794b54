package cgroup_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/test/cluster/cgroup"
)

func TestKillFindsWhatNobodyElseKnows(t *testing.T) {
	if testing.Short() {
		t.Skip("makes control groups")
	}
	require.Zero(t, os.Getuid(), "control groups need root")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	g, err := cgroup.Open("scribe-cgroup-test")
	require.NoError(t, err)
	require.NoError(t, g.Create())
	require.NoError(t, g.Create(), "again")
	require.True(t, g.Exists())

	// A shell that enters the group and leaves a child that outlives it.
	script := "echo $$ > " + strconv.Quote(filepath.Join(g.System(), "cgroup.procs")) + " && { sleep 1000 & }"
	require.NoError(t, exec.Command("sh", "-c", script).Run())
	pids, err := g.Processes()
	require.NoError(t, err)
	require.Len(t, pids, 1)

	require.NoError(t, g.Kill(ctx))
	pids, err = g.Processes()
	require.NoError(t, err)
	assert.Empty(t, pids)
	require.NoError(t, g.Remove(ctx))
	assert.False(t, g.Exists())
	require.NoError(t, g.Kill(ctx), "when nothing is there")
	require.NoError(t, g.Remove(ctx), "when nothing is there")
}
