// Command bench measures this project's movers against those of its peers, in the
// same run on the same data: wall time, CPU time, bytes on the wire and memory,
// and their ratios. The suite ssh compares the rsync mover with those of VolSync
// and pv-migrate, which run rsync over OpenSSH. The suite s3 compares the rclone
// mover with VolSync's, which runs rclone, on an S3 server, and counts requests.
//
// Everything happens on this host. Each contender starts from the same state of
// the destination; contenders take turns in each repetition, and medians are
// reported. Data lives on a tmpfs when it fits, so that the movers are measured
// and not the disk. After each transfer rsync checks, outside of the measured
// time, that nothing is left to do.
//
// The network of the suite ssh is the loopback device of a network namespace of
// the bench's own, as it is or with a delay; bytes on the wire are those of the
// device, or with a delay those that the delaying proxy passes on. In the suite
// s3, a proxy before the server counts. The server, and the rclone program of the
// same version as our library, are built when first needed.
//
// Usage:
//
//	bench [--suite ssh|s3] [-n 3] [--workloads big,small] [--contenders volsync,scribe] [--scale 0.05]
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
	os.Exit(exitCode(run(ctx, os.Args[1:], isolated, os.Stdout, os.Stderr)))
}

// isolated puts the program into a network namespace of its own and reports
// whether it is there.
func isolated() bool {
	private, err := enterNamespace()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench: own network namespace:", err)
	}
	return private
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
	suite                 string
	repetitions           int
	workloads, contenders string
	scale                 float64
	steps, dir            string
	output, update        string
	timeout               time.Duration
	seed                  uint64
	transfers             int
	index                 bool
}

// The suites.
const (
	suiteSSH = "ssh"
	suiteS3  = "s3"
)

// section is that of the document which the suite's report replaces.
func (o options) section() report.Section {
	if o.suite == suiteS3 {
		return report.S3
	}
	return report.SSH
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.StringVar(&o.suite, "suite", suiteSSH, "ssh: rsync over SSH; s3: rclone through an object store")
	fs.IntVar(&o.repetitions, "n", 3, "repetitions; medians are reported")
	fs.StringVar(&o.workloads, "workloads", "all", "comma-separated workloads")
	fs.StringVar(&o.contenders, "contenders", "all", "comma-separated contenders")
	fs.Float64Var(&o.scale, "scale", 1, "fraction of the data, for quick tries")
	fs.StringVar(&o.steps, "steps", "bin/steps", "directory of the step binaries")
	fs.StringVar(&o.dir, "dir", "", "directory for the data (default /dev/shm when there is room, else the temporary directory)")
	fs.StringVar(&o.output, "o", "text", "text or markdown")
	fs.StringVar(&o.update, "update", "", "file whose section between the suite's markers, bench:begin and bench:end or bench-s3:begin and bench-s3:end, is replaced")
	fs.DurationVar(&o.timeout, "timeout", 15*time.Minute, "longest time of one transfer")
	fs.Uint64Var(&o.seed, "seed", 1, "seed of the data and its changes")
	fs.IntVar(&o.transfers, "transfers", 0, "files that travel at the same time in scribe's rclone mover (suite s3; 0 for its default)")
	fs.BoolVar(&o.index, "index", true, "let scribe's rclone mover keep an index at the source (suite s3)")
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
	case o.suite != suiteSSH && o.suite != suiteS3:
		return usageError{fmt.Errorf("--suite=%s: must be ssh or s3", o.suite)}
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
		return o.section().Check(o.update)
	}
	return nil
}

// comparison is one suite under way.
type comparison interface {
	// run measures. With an error, the report holds what was complete by then.
	run(ctx context.Context) (*report.Report, error)
	// facts say on what and how it was measured; private that the network
	// namespace is the bench's own.
	facts(ctx context.Context, private bool) []string
	// close ends what was started and removes every file.
	close() error
}

// prepare makes the comparison of the suite. Isolate puts the program into a
// network namespace of its own, where programs could not be built.
func (o options) prepare(ctx context.Context, isolate func() bool, log io.Writer) (c comparison, private bool, err error) {
	if o.suite == suiteS3 {
		c, err = newStoreBench(ctx, o, log)
		return c, false, err
	}
	private = isolate()
	c, err = newBench(o, log)
	return c, private, err
}

// run is the program.
func run(ctx context.Context, args []string, isolate func() bool, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	b, private, err := o.prepare(ctx, isolate, stderr)
	if err != nil {
		return err
	}
	result, err := b.run(ctx)
	err = errors.Join(err, b.close())
	if ctx.Err() != nil {
		err = errors.New("interrupted; everything that was started has been ended and removed")
	}
	// What was measured before a failure is still worth seeing, not keeping.
	result.Facts = b.facts(context.WithoutCancel(ctx), private)
	if o.output == "markdown" {
		result.Markdown(stdout)
	} else {
		result.Text(stdout)
	}
	if err != nil || o.update == "" {
		return err
	}
	return o.section().Update(o.update, result)
}
