package job_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/test/e2e/internal/job"
	"github.com/backube/scribe-gen/test/e2e/internal/listing"
	"github.com/backube/scribe-gen/tree"
)

// Each job does the same wherever it runs, so that two places can be compared.
func TestJobsAreRepeatable(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	for _, j := range []job.Job{job.Torture(), job.Mutate(20, 3), job.Random("big", 1_000_003), job.None()} {
		for _, root := range []string{a, b} {
			require.NoError(t, j.Run(t.Context(), root, io.Discard))
		}
	}
	report, err := tree.Compare(a, b, tree.Options{NoSparse: true})
	require.NoError(t, err)
	for _, d := range report.Differences {
		// What is changed is given the time of the change.
		assert.Equal(t, "modification time", d.What, "%s", d)
	}
	info, err := os.Stat(filepath.Join(a, "big"))
	require.NoError(t, err)
	assert.EqualValues(t, 1_000_003, info.Size())
}

func TestVolumeAndList(t *testing.T) {
	root := t.TempDir()
	require.NoError(t, job.Volume(10, 1).Run(t.Context(), root, io.Discard))
	var b bytes.Buffer
	require.NoError(t, job.List().Run(t.Context(), root, &b))
	all, err := listing.Read(&b)
	require.NoError(t, err)
	assert.Greater(t, len(all), 10)
}

func TestApplication(t *testing.T) {
	root := t.TempDir()
	require.NoError(t, job.Application().Run(t.Context(), root, io.Discard))
	e, err := tree.Read(root, "c/d")
	require.NoError(t, err)
	assert.Equal(t, int64(1_700_000_000_002_000_001), e.ModTime)
	if os.Geteuid() == 0 {
		assert.EqualValues(t, job.ApplicationID, e.UID)
	}
}

func TestDisguise(t *testing.T) {
	root := t.TempDir()
	require.NoError(t, job.Random("file", 1000).Run(t.Context(), root, io.Discard))
	file := filepath.Join(root, "file")
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	before, err := tree.Read(root, "file")
	require.NoError(t, err)
	require.NoError(t, job.Disguise("file").Run(t.Context(), root, io.Discard))
	after, err := tree.Read(root, "file")
	require.NoError(t, err)
	assert.Equal(t, before.ModTime, after.ModTime)
	assert.Equal(t, before.Size, after.Size)
	changed, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.NotEqual(t, content, changed)
}

func TestReceive(t *testing.T) {
	root := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	assert.ErrorIs(t, job.Receive().Run(ctx, root, io.Discard), context.DeadlineExceeded)
	time.AfterFunc(50*time.Millisecond, func() { _ = os.WriteFile(filepath.Join(root, "x"), nil, 0o600) })
	assert.NoError(t, job.Receive().Run(t.Context(), root, io.Discard))
}

func TestWrongJobs(t *testing.T) {
	for _, j := range []job.Job{nil, {"dance"}, {"volume", "many", "1"}, {"volume", "1"}, {"list", "more"}, {"none", "more"}} {
		assert.Error(t, j.Run(t.Context(), t.TempDir(), io.Discard), "%q", []string(j))
	}
	assert.False(t, job.List().Writes())
	assert.True(t, job.Torture().Writes())
}
