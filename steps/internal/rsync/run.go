package rsync

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/backube/scribe-gen/process"
)

// tailSize is how much of rsync's complaints goes into an error.
const tailSize = 2 << 10

// Run runs the transfer; progress is called for each line of progress.
func (j Job) Run(ctx context.Context, progress func(Progress)) (Stats, error) {
	var s Stats
	err := j.run(ctx, j.Args(), func(line string) {
		if p, ok := ParseProgress(line); ok {
			progress(p)
			return
		}
		s.Read(line)
	})
	return s, err
}

// Deletions is what a run would delete.
type Deletions struct {
	// Count is their number, Names the first few.
	Count int64
	Names []string
	// Replica is the number of entries that the replica has now.
	Replica int64
}

// Deletions finds out what a run would delete, and names that many.
func (j Job) Deletions(ctx context.Context, few int) (Deletions, error) {
	var (
		d Deletions
		s Stats
	)
	err := j.run(ctx, j.DryRunArgs(), func(line string) {
		name, ok := strings.CutPrefix(line, "deleting ")
		if !ok {
			s.Read(line)
			return
		}
		if d.Count++; len(d.Names) < few {
			d.Names = append(d.Names, name)
		}
	})
	d.Replica = max(s.Entries-s.Created, 0) + d.Count
	return d, err
}

func (j Job) run(ctx context.Context, args []string, line func(string)) error {
	cmd := exec.Command(j.Program, args...)
	cmd.Env = append(os.Environ(), append([]string{"LC_ALL=C"}, j.Env...)...)
	out := &process.Lines{Each: func(b []byte) { line(string(b)) }, Ends: "\r\n"} // progress overwrites its line
	said := &complaints{tail: process.Tail{Limit: tailSize}}
	errs := &process.Lines{Each: said.line}
	cmd.Stdout, cmd.Stderr = out, errs
	err := process.Run(cmd, process.Options{Stop: ctx})
	out.Flush()
	errs.Flush()
	if ctx.Err() != nil {
		return fmt.Errorf("rsync was stopped: %w", context.Cause(ctx))
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return &ExitError{Code: exit.ExitCode(), Output: said.tail.String(), onlyVanished: said.only(said.vanished), onlyRoot: said.only(said.root)}
	}
	return err
}
