package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/test/bench/internal/link"
	"github.com/backube/scribe-gen/test/bench/internal/mover"
	"github.com/backube/scribe-gen/test/bench/internal/report"
)

// bench compares movers that run rsync over SSH.
type bench struct {
	options
	log        io.Writer
	work       []workload
	contenders []mover.Contender
	// base holds the data: the source, and the destination as a directory site.
	// small holds the contenders' keys, sockets and configuration: the paths of
	// sockets must be short.
	base, small string
	// fileSystem and cpuMethod are facts for the report.
	fileSystem, cpuMethod string
}

func newBench(o options, log io.Writer) (*bench, error) {
	work, err := pickWorkloads(o.workloads, o.scale)
	if err != nil {
		return nil, usageError{err}
	}
	for _, program := range []struct{ name, pkg string }{
		{"rsync", "rsync"}, {"ssh", "openssh-client"}, {"ssh-keygen", "openssh-client"}, {"/usr/sbin/sshd", "openssh-server"},
	} {
		if _, err := exec.LookPath(program.name); err != nil {
			return nil, fmt.Errorf("%w; install the package %s", err, program.pkg)
		}
	}
	b := &bench{options: o, log: log, work: work}
	if err := b.makeDirectories(); err != nil {
		return nil, errors.Join(err, b.close())
	}
	all := []struct {
		name string
		make func(dir string) mover.Contender
	}{
		{"volsync", mover.NewVolSync},
		{"pv-migrate", mover.NewPVMigrate},
		{"scribe", func(dir string) mover.Contender { return mover.NewScribe(dir, o.steps, b.site(), o.timeout) }},
	}
	b.contenders, err = pick(all, o.contenders, "contender", func(c struct {
		name string
		make func(dir string) mover.Contender
	}) (string, mover.Contender) {
		return c.name, c.make(filepath.Join(b.small, c.name))
	})
	if err != nil {
		return nil, errors.Join(usageError{err}, b.close())
	}
	return b, nil
}

func (b *bench) makeDirectories() error {
	parent := b.dir
	if parent == "" {
		parent = dataDirectory(b.work)
	}
	var err error
	if b.cpuMethod, err = cpuMethod(); err != nil {
		return err
	}
	b.fileSystem = fileSystemType(parent)
	if b.base, err = os.MkdirTemp(parent, "scribe-bench-"); err != nil {
		return fmt.Errorf("make a directory for the data: %w", err)
	}
	if b.small, err = os.MkdirTemp("", "scribe-bench-"); err != nil {
		return fmt.Errorf("make a directory for keys and sockets: %w", err)
	}
	return os.MkdirAll(filepath.Dir(b.replica()), 0o755)
}

func (b *bench) source() string  { return filepath.Join(b.base, "source") }
func (b *bench) site() string    { return filepath.Join(b.base, "site") }
func (b *bench) spare() string   { return filepath.Join(b.base, "spare") }
func (b *bench) replica() string { return contract.Layout{Directory: b.site()}.Volume(mover.Replica) }

// close ends what the contenders started and removes every file.
func (b *bench) close() error {
	var errs []error
	for _, c := range b.contenders {
		errs = append(errs, c.Close())
	}
	b.contenders = nil
	for _, dir := range []string{b.base, b.small} {
		if dir != "" {
			errs = append(errs, os.RemoveAll(dir))
		}
	}
	return errors.Join(errs...)
}

// run measures everything. With an error, the report holds what was complete by
// then.
func (b *bench) run(ctx context.Context) (*report.Report, error) {
	result := &report.Report{Ours: mover.Scribe}
	for _, c := range b.contenders {
		if err := c.Prepare(ctx); err != nil {
			return result, fmt.Errorf("prepare %s: %w", c.Name(), err)
		}
		result.Contenders = append(result.Contenders, c.Name())
	}
	for _, w := range b.work {
		contenders := b.contenders
		if w.flat {
			contenders = ours(contenders)
		}
		if len(contenders) == 0 {
			continue
		}
		row, err := b.workload(ctx, w, contenders)
		if err != nil {
			return result, fmt.Errorf("%s: %w", w.name, err)
		}
		if w.flat {
			result.Flat = append(result.Flat, row)
		} else {
			result.Rows = append(result.Rows, row)
		}
	}
	return result, nil
}

func ours(all []mover.Contender) []mover.Contender {
	for _, c := range all {
		if c.Name() == mover.Scribe {
			return []mover.Contender{c}
		}
	}
	return nil
}

// workload measures one workload: every contender in turn, repeatedly.
func (b *bench) workload(ctx context.Context, w workload, contenders []mover.Contender) (_ report.Row, err error) {
	row := report.Row{Workload: w.title, Samples: map[string][]report.Sample{}}
	if err := checkRoom(b.base, w.room()); err != nil {
		return row, err
	}
	defer func() {
		err = errors.Join(err, os.RemoveAll(b.source()), os.RemoveAll(b.replica()), os.RemoveAll(b.spare()))
	}()
	fmt.Fprintf(b.log, "%s: %s\n", w.name, w.title)
	if err := b.write(ctx, w); err != nil {
		return row, err
	}
	round := 0
	for n := range b.repetitions {
		for _, c := range contenders {
			round++
			m, err := b.sync(ctx, w, c, round)
			if err != nil {
				return row, fmt.Errorf("%s: %w", c.Name(), err)
			}
			fmt.Fprintf(b.log, "  %d/%d %-10s %8.2f s  %8.2f CPU s, others on %.1f cores\n",
				n+1, b.repetitions, c.Name(), m.Wall.Seconds(), m.CPU().Seconds(), m.Others)
			row.Samples[c.Name()] = append(row.Samples[c.Name()], sample(c, m))
		}
	}
	return row, nil
}

// write makes the source, and a replica that is in sync with it. First copies do
// not need the replica, and rsync's new version of a changed file not the one that
// is made and removed here for it. But in a virtual machine the host may first
// have to find the memory that a tmpfs grows into, and that must not be measured
// with whoever comes first.
func (b *bench) write(ctx context.Context, w workload) error {
	if err := os.Mkdir(b.source(), 0o755); err != nil {
		return err
	}
	if err := w.tree.Write(ctx, b.source(), b.seed); err != nil {
		return err
	}
	for _, to := range []string{b.replica(), b.spare()}[:w.copies()-1] {
		if err := command(ctx, "cp", "-a", b.source(), to); err != nil {
			return err
		}
	}
	return os.RemoveAll(b.spare())
}

// sync measures one transfer and verifies it. All contenders share one replica:
// as each leaves it in sync, the next, after an equal change, starts from the same
// state.
func (b *bench) sync(ctx context.Context, w workload, c mover.Contender, round int) (mover.Measurement, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, b.timeout, fmt.Errorf("took longer than --timeout=%s", b.timeout))
	defer cancel()
	if err := b.arrange(ctx, w, round); err != nil {
		return mover.Measurement{}, err
	}
	m, err := c.Sync(ctx, mover.Job{Link: link.New(w.roundTrip), Source: b.source(), Destination: b.replica()})
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = errors.Join(cause, err)
		}
		return m, err
	}
	var content []string
	if w.tree.Files <= verifiable {
		content = []string{"--checksum"}
	}
	return m, verify(ctx, b.source(), b.replica(), content...)
}

// arrange makes the state that a transfer starts from.
func (b *bench) arrange(ctx context.Context, w workload, round int) error {
	if w.change != nil {
		return w.change(ctx, w.tree, b.source(), b.seed, round)
	}
	if err := os.RemoveAll(b.replica()); err != nil {
		return err
	}
	return os.Mkdir(b.replica(), 0o755)
}

// verify reports what rsync would still have to do, with further options.
func verify(ctx context.Context, source, replica string, options ...string) error {
	args := append([]string{"-n", "-i", "-aH", "--delete"}, options...)
	out, err := exec.CommandContext(ctx, "rsync", append(args, source+"/", replica+"/")...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("verify the replica: %w: %s", err, out)
	}
	if len(out) > 0 {
		return fmt.Errorf("the replica differs from the source:\n%s", out[:min(len(out), 1000)])
	}
	return nil
}

// sample picks from a measurement what is reported.
func sample(c mover.Contender, m mover.Measurement) report.Sample {
	s := report.Sample{Wall: m.Wall, CPU: m.CPU(), Wire: m.Wire, Memory: m.Memory(), Others: m.Others}
	if c.Name() == mover.Scribe {
		s.Push, s.PushChildren = m.Source.Own()
		s.Listen, s.ListenChildren = m.Destination.Own()
	}
	return s
}

func command(ctx context.Context, name string, args ...string) error {
	if out, err := exec.CommandContext(ctx, name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return nil
}
