package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// buildWithin bounds a cold build, also beside other ones.
const buildWithin = 20 * time.Minute

// Program returns the path of the program of a real server, after building it
// when the cache of the go command does not have it.
//
// Each is a tool of a nested module below servers/, whose go.mod holds the
// version. The go command keys its cache by everything that enters a program,
// locks it against other builders, and finds a program there in half a second.
// A cold build takes about two minutes of one core for Versity and four for
// MinIO, and needs the Go module proxy. Program works in a checkout only, and
// gives up after 20 minutes. Copy the file to keep it: the go command drops
// what was not used for some days.
func Program(ctx context.Context, k Kind) (string, error) {
	tools := map[Kind]string{
		Versity: "github.com/versity/versitygw/cmd/versitygw",
		MinIO:   "github.com/minio/minio",
	}
	tool, ok := tools[k]
	if !ok {
		return "", fmt.Errorf("build S3 server %q: it is no program of its own", k)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, buildWithin, fmt.Errorf("not built after %s", buildWithin))
	defer cancel()
	dir, err := nested(ctx, k)
	if err != nil {
		return "", err
	}
	path, err := goCommand(ctx, dir, "tool", "-n", tool)
	if err != nil {
		return "", fmt.Errorf("build S3 server %s: %w", k, err)
	}
	return path, nil
}

// nested returns the directory of a server's module.
func nested(ctx context.Context, k Kind) (string, error) {
	file, err := goCommand(ctx, "", "env", "GOMOD")
	if err != nil {
		return "", fmt.Errorf("find the module of S3 server %s: %w", k, err)
	}
	dir := filepath.Join(filepath.Dir(file), "test", "s3", "servers", string(k))
	if _, err := os.Stat(dir); err != nil {
		return "", fmt.Errorf("find the module of S3 server %s: %w: run this in a checkout of scribe-gen", k, err)
	}
	return dir, nil
}

// goCommand runs the go command in dir, independent of the caller's settings
// for builds, and returns its output. The error holds what it wrote.
func goCommand(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=-mod=readonly",
		"GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	// An interrupted go command removes its temporary files, a killed one
	// leaves hundreds of megabytes.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = errors.Join(context.Cause(ctx), err)
		}
		return "", fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, stderr.Bytes())
	}
	return strings.TrimSpace(stdout.String()), nil
}
