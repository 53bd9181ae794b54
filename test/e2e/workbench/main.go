// Command workbench does jobs on a volume that is mounted in its pod: it fills
// it, changes it, lists it. Tests run it on clusters whose volumes they do not
// see.
//
//	workbench ROOT JOB [ARGUMENT...]
//
// It ends with exit code 1 when the job failed. What it changed is on the volume's
// disk then, not only in the node's memory, so that a snapshot has it.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/backube/scribe-gen/test/e2e/internal/job"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "workbench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) < 2 {
		return errors.New("usage: workbench ROOT JOB [ARGUMENT...]")
	}
	root, todo := args[0], job.Job(args[1:])
	if err := todo.Run(ctx, root, os.Stdout); err != nil {
		return err
	}
	if !todo.Writes() {
		return nil
	}
	return flush(root)
}

// flush writes the file system of root to its disk.
func flush(root string) error {
	dir, err := os.Open(root)
	if err != nil {
		return err
	}
	if err := unix.Syncfs(int(dir.Fd())); err != nil {
		err = fmt.Errorf("flush %s: %w", root, err)
		return errors.Join(err, dir.Close())
	}
	return dir.Close()
}
