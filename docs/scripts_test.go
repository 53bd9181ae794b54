package docs

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// prints says what a script must print.
var prints = regexp.MustCompile(`(?m)^<!-- prints: (.*) -->$`)

// Blocks marked "run" are the parts of one script for each page. It is run as it
// stands, in an empty directory.
func TestScriptsRun(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs all binaries")
	}
	for _, program := range []string{"rsync", "ssh"} {
		_, err := exec.LookPath(program)
		require.NoError(t, err, "install the Debian packages rsync and openssh-client")
	}
	bin := build(t)
	ran := 0
	for page, text := range pages(t) {
		var script strings.Builder
		var want []string
		for _, m := range fence.FindAllStringSubmatch(text, -1) {
			if !strings.Contains(m[1], "<!-- run -->") {
				continue
			}
			script.WriteString(m[3])
			for _, p := range prints.FindAllStringSubmatch(m[1], -1) {
				want = append(want, p[1])
			}
		}
		if script.Len() == 0 {
			continue
		}
		ran++
		t.Run(page, func(t *testing.T) { runScript(t, bin, script.String(), want) })
	}
	assert.Positive(t, ran)
}

func runScript(t *testing.T, bin, script string, want []string) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-eu", "-c", script)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "STEPS="+filepath.Join(bin, "steps"))
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	for _, text := range want {
		assert.Contains(t, string(out), text)
	}
}

// build builds every binary into a directory, laid out as they are installed.
func build(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, args := range [][]string{
		{"-o", dir + "/", "../cmd/scribe-gen"},
		{"-o", dir + "/steps/", "../steps/snapshot", "../steps/rsync", "../steps/promote"},
	} {
		out, err := exec.Command("go", append([]string{"build"}, args...)...).CombinedOutput()
		require.NoError(t, err, string(out))
	}
	return dir
}
