// Command bench measures this project's rsync mover against the rsync movers of
// VolSync and pv-migrate, which run rsync over OpenSSH, in the same run on the
// same data: wall time, CPU time, bytes on the wire and memory, and their ratios.
//
// Everything happens on this host. Each contender starts from the same state of
// the destination; contenders take turns in each repetition, and medians are
// reported. Data lives on a tmpfs when it fits, so that the movers are measured
// and not the disk. The network is the loopback device of a network namespace of
// the bench's own, as it is or with a delay; bytes on the wire are those of the
// device, or with a delay those that the delaying proxy passes on. After each
// transfer rsync checks, outside of the measured time, that nothing is left to do.
//
// Usage:
//
//	bench [-n 3] [--workloads big,small] [--contenders volsync,scribe] [--scale 0.05]
//	      [--steps bin/steps] [--dir DIR] [-o text|markdown] [--update README.md]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/backube/scribe-gen/test/bench/internal/report"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	private, err := enterNamespace()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench: own network namespace:", err)
	}
	os.Exit(exitCode(run(ctx, os.Args[1:], private, os.Stdout, os.Stderr)))
}

// exitCode reports err and returns 0, 1, or 2 for wrong usage.
func exitCode(err error) int {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, flag.ErrHelp):
		return 0
	}
	fmt.Fprintln(os.Stderr, "bench:", err)
	if errors.As(err, new(usageError)) {
		return 2
	}
	return 1
}

// usageError is a wrong argument.
type usageError struct{ error }

// options are the arguments.
type options struct {
	repetitions           int
	workloads, contenders string
	scale                 float64
	steps, dir            string
	output, update        string
	timeout               time.Duration
	seed                  uint64
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.IntVar(&o.repetitions, "n", 3, "repetitions; medians are reported")
	fs.StringVar(&o.workloads, "workloads", "all", "comma-separated workloads")
	fs.StringVar(&o.contenders, "contenders", "all", "comma-separated contenders")
	fs.Float64Var(&o.scale, "scale", 1, "fraction of the data, for quick tries")
	fs.StringVar(&o.steps, "steps", "bin/steps", "directory of the step binaries")
	fs.StringVar(&o.dir, "dir", "", "directory for the data (default /dev/shm when there is room, else the temporary directory)")
	fs.StringVar(&o.output, "o", "text", "text or markdown")
	fs.StringVar(&o.update, "update", "", "file whose section between "+report.Begin+" and "+report.End+" is replaced")
	fs.DurationVar(&o.timeout, "timeout", 15*time.Minute, "longest time of one transfer")
	fs.Uint64Var(&o.seed, "seed", 1, "seed of the data and its changes")
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return o, err
		}
		return o, usageError{err}
	}
	return o, o.check(fs)
}

func (o options) check(fs *flag.FlagSet) error {
	switch {
	case fs.NArg() > 0:
		return usageError{fmt.Errorf("unexpected argument %q", fs.Arg(0))}
	case o.repetitions < 1:
		return usageError{fmt.Errorf("-n=%d: must be at least 1", o.repetitions)}
	case !(o.scale > 0 && o.scale <= 1):
		return usageError{fmt.Errorf("--scale=%g: must be above 0 and at most 1", o.scale)}
	case o.output != "text" && o.output != "markdown":
		return usageError{fmt.Errorf("-o=%s: must be text or markdown", o.output)}
	case o.timeout <= 0:
		return usageError{fmt.Errorf("--timeout=%s: must be above 0", o.timeout)}
	}
	if o.update != "" {
		return report.CheckMarkers(o.update)
	}
	return nil
}

// run is the program. Private says whether the network namespace is the bench's
// own.
func run(ctx context.Context, args []string, private bool, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	b, err := newBench(o, stderr)
	if err != nil {
		return err
	}
	result, err := b.run(ctx)
	err = errors.Join(err, b.close())
	if ctx.Err() != nil {
		err = errors.New("interrupted; everything that was started has been ended and removed")
	}
	// What was measured before a failure is still worth seeing, not keeping.
	result.Facts = facts(context.WithoutCancel(ctx), b, private)
	if o.output == "markdown" {
		result.Markdown(stdout)
	} else {
		result.Text(stdout)
	}
	if err != nil || o.update == "" {
		return err
	}
	return report.Update(o.update, result)
}
