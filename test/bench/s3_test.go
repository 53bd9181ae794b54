package main

import (
	"bytes"
	"context"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var volsyncRclone = map[string]string{"rsync": "rsync", "getfacl": "acl", "setfacl": "acl", "find": "findutils"}

// rcloneStep builds our step and returns its directory.
func rcloneStep(t *testing.T) string {
	t.Helper()
	steps := t.TempDir()
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", steps, "../../steps/rclone").CombinedOutput()
	require.NoError(t, err, string(out))
	return steps
}

func TestObjectStore(t *testing.T) {
	need(t, volsyncRclone)
	dir := t.TempDir()
	var stdout, stderr bytes.Buffer
	err := run(t.Context(), []string{"--suite=s3", "-n=1", "--scale=0.01", "--dir=" + dir, "--steps=" + rcloneStep(t),
		"-o=markdown", "--timeout=5m"}, shared, &stdout, &stderr)
	require.NoError(t, err, stderr.String())

	assert.Empty(t, left(t, dir))
	text := stdout.String()
	assert.Contains(t, text, "| scribe / VolSync |")
	assert.Equal(t, 2*len(operations), strings.Count(text, "| wall time |"), text)
	assert.NotContains(t, text, "–", "every cell has a number")
	assert.NotContains(t, text, " 0 B", "nothing uses no memory and sends nothing")
	assert.Regexp(t, `\| requests by kind \|  \| PUT \| .*GET \| .*LIST \|`, text)
}

func TestObjectStoreInterrupted(t *testing.T) {
	need(t, volsyncRclone)
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	watch := &cancelAfter{text: "first push", cancel: cancel}
	err := run(ctx, []string{"--suite=s3", "-n=1", "--scale=0.05", "--contenders=scribe", "--workloads=small",
		"--dir=" + dir, "--steps=" + rcloneStep(t)}, shared, &bytes.Buffer{}, watch)
	assert.ErrorContains(t, err, "interrupted")
	assert.Empty(t, left(t, dir))
}
