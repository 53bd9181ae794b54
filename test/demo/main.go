// Command demo tells the tool's story on this host with real data: it compiles a
// replication for Argo, replicates a sample volume, changes the source,
// replicates the changes, promotes the replica and compares. It builds nothing:
// the binaries are given with -bin.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// run plays the demo in a directory of its own, which is removed afterwards
// unless -keep is given.
func run(ctx context.Context, args []string, out io.Writer) (err error) {
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	bin := flags.String("bin", "bin", "directory with scribe-gen and steps/")
	example := flags.String("example", "examples/local", "directory of the spec")
	keep := flags.Bool("keep", false, "keep the demo's directory")
	if err := flags.Parse(args); err != nil {
		return err
	}
	absolute, err := filepath.Abs(*bin)
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(absolute, "scribe-gen")); err != nil {
		return fmt.Errorf("find the binaries: %w; make build builds them", err)
	}
	dir, err := os.MkdirTemp("", "scribe-demo-")
	if err != nil {
		return err
	}
	defer func() {
		if *keep {
			fmt.Fprintf(out, "\nEverything is kept in %s.\n", dir)
			return
		}
		err = errors.Join(err, os.RemoveAll(dir))
	}()
	if err := os.CopyFS(filepath.Join(dir, exampleDir), os.DirFS(*example)); err != nil {
		return fmt.Errorf("copy the example: %w", err)
	}
	d := &demo{dir: dir, bin: absolute, out: out}
	start := time.Now()
	if err := d.play(ctx); err != nil {
		return err
	}
	fmt.Fprintf(out, "\nDone in %s: all replicas and the promoted volume are identical to the source as it was.\n",
		time.Since(start).Round(100*time.Millisecond))
	return nil
}
