package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// rcloneModule is the peer's program, and where our step has its backends from.
const rcloneModule = "github.com/rclone/rclone"

// buildWithin bounds a build, also beside other ones.
const buildWithin = 30 * time.Minute

// Rclone returns the path of the rclone program, of the version that this
// project's step is linked with. It is built from its module, with its own
// dependencies, unless the user's cache directory has it: that takes minutes and
// needs the Go module proxy. Rclone works in a checkout only.
func Rclone(ctx context.Context) (string, error) {
	version, err := output(exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Version}}", rcloneModule))
	if err != nil {
		return "", fmt.Errorf("find the version of rclone: %w", err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a place for the rclone program: %w", err)
	}
	dir := filepath.Join(cache, "scribe-bench", "rclone-"+version)
	program := filepath.Join(dir, "rclone")
	if _, err := os.Stat(program); !errors.Is(err, fs.ErrNotExist) {
		return program, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, buildWithin, fmt.Errorf("not built after %s", buildWithin))
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "install", rcloneModule+"@"+version)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off", "GOBIN="+dir)
	if _, err := output(cmd); err != nil {
		return "", fmt.Errorf("build rclone: %w", errors.Join(context.Cause(ctx), err))
	}
	return program, nil
}

// output runs the go command and returns what it printed, without the line's end.
func output(cmd *exec.Cmd) (string, error) {
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // so that it removes its temporary files
	cmd.WaitDelay = 10 * time.Second
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, stderr.String())
	}
	return strings.TrimSpace(string(out)), nil
}
