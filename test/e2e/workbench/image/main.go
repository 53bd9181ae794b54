// Command image builds the image of the workbench as a docker archive, which
// docker, podman, skopeo, containerd, kind and minikube load. It runs in the
// project's module.
//
//	go run ./test/e2e/workbench/image -o bin/scribe-workbench.tar
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/backube/scribe-gen/test/cluster/image"
	"github.com/backube/scribe-gen/test/e2e/internal/job"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	output := flag.String("o", "", "`file` for the docker archive")
	tag := flag.String("tag", job.Image, "`name` of the image")
	flag.Parse()
	err := build(ctx, *output, *tag)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
	fmt.Println(*tag)
}

// build makes the program and writes the archive.
func build(ctx context.Context, output, tag string) (err error) {
	if output == "" {
		return errors.New("give the archive's file with -o")
	}
	dir, err := os.MkdirTemp("", "scribe-workbench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	program := filepath.Join(dir, "workbench")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, "github.com/backube/scribe-gen/test/e2e/workbench")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the workbench: %w\n%s", err, out)
	}
	if err := os.MkdirAll(filepath.Dir(output), 0o755); err != nil {
		return err
	}
	return image.Image{
		Reference:  tag,
		Files:      map[string]string{"/bin/workbench": program},
		Entrypoint: []string{"/bin/workbench"},
	}.Write(output)
}
