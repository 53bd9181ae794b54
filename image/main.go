// Command image builds the image of the steps, which runs in the pods of every
// bundle, without a container engine and without a registry. See README.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/image/archive"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Getenv, os.Stdout)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

// run builds what the arguments ask for and prints what it is: one line, or with
// -report all that is in it.
func run(ctx context.Context, args []string, getenv func(string) string, out io.Writer) error {
	var o archive.Options
	flags := flag.NewFlagSet("image", flag.ContinueOnError)
	flags.StringVar(&o.Output, "o", "", "`file` for the docker-archive")
	flags.StringVar(&o.Directory, "directory", "", "`directory` for the root file system, one directory for each layer")
	flags.StringVar(&o.Reference, "tag", plan.Image, "`name` of the image")
	flags.StringVar(&o.Binaries, "binaries", "", "`directory` of the step binaries (default: build them)")
	flags.StringVar(&o.Root, "root", "/", "`directory` of the Debian system to take rsync from")
	report := flags.Bool("report", false, "print every file with its size")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q: -help shows the flags", flags.Arg(0))
	}
	if o.Output == "" && o.Directory == "" && !*report {
		return errors.New("nothing to do: give -o, -directory or -report")
	}
	var err error
	if o.Created, err = created(getenv("SOURCE_DATE_EPOCH")); err != nil {
		return err
	}
	built, err := archive.Build(ctx, o)
	if err != nil {
		return err
	}
	if *report {
		if err := built.WriteText(out); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(out, "%s (%s) %s\n", built.Reference, built.Architecture, built.Digest)
	return err
}

// created is the date that reproducible builds are told by this variable, in
// seconds since the epoch; the zero time when it is unset.
func created(variable string) (time.Time, error) {
	if variable == "" {
		return time.Time{}, nil
	}
	seconds, err := strconv.ParseInt(variable, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
	}
	return time.Unix(seconds, 0), nil
}
