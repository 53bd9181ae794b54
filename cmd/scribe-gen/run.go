package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/templates/local"
)

// runOptions are the flags of run.
type runOptions struct {
	selection
	console *console
	runID   string
	verify  bool
	output  string
	timeout time.Duration
}

func newRunCommand(io streams) *cobra.Command {
	o := &runOptions{console: newConsole(io), output: formatText}
	cmd := &cobra.Command{
		Use:   "run -f SPEC...",
		Short: "Run one run of a replication on this host",
		Long: `Runs the pipelines of a replication's local sites as processes of this host, with
the same step binaries as in a cluster and over real SSH: takes a point-in-time
copy of the source, sends it to the destination, cuts the replica snapshot,
applies retention and removes the copy. Several relationships run one after
another. Progress goes to stderr; the summary is printed on stdout.

A local site is a directory. The source's data is below it in volumes/CLAIM; the
replica, its snapshots, keys and state are made as needed.

With --site only that site's pipeline runs: run it on either host, at the same
time; the source waits for the listener.

--verify compares every entry of the source's point-in-time copy with the replica
snapshot, after the transfer and before the copy is removed, and fails if they
differ.

An interrupt (Ctrl-C) stops the steps, removes the copy and publishes nothing; a
second one kills every step at once, and the next run removes what they left.`,
		Example: `  scribe-gen run -f examples/local/replication.yaml
  scribe-gen run -f replication.yaml --verify -o json
  scribe-gen run -f replication.yaml --relationship wikidata-archive --timeout 2h`,
		Annotations: map[string]string{exitStatus: `  0   done, and identical with --verify
  1   failed, or the trees differ; a retry may help
  2   wrong usage, an invalid spec, or a site that is not local
  78  failed for good: promoted, paused, refused, stopped by the guard
`},
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), io) },
	}
	o.addFlags(cmd)
	o.addSiteFlag(cmd)
	o.addStepsFlag(cmd)
	o.console.addFlags(cmd)
	cmd.Flags().StringVar(&o.runID, "run-id", "", "run ID; repeat a run's ID to continue it (default: made from the time)")
	cmd.Flags().BoolVar(&o.verify, "verify", false, "compare the source's copy with the replica snapshot, entry by entry")
	cmd.Flags().DurationVar(&o.timeout, "timeout", 0, "longest duration of a run (default: spec.timeout)")
	addChoiceFlag(cmd, &o.output, "output", "o", "format of the summary: text or json", formatText, formatJSON)
	return cmd
}

// run runs every selected relationship, also after one failed: they have nothing
// to do with each other.
func (o *runOptions) run(ctx context.Context, io streams) error {
	jobs, err := o.jobs(io)
	if err != nil {
		return err
	}
	engine, stop, err := o.engine(io, o.console)
	if err != nil {
		return err
	}
	defer stop()
	var errs []error
	var summaries []runSummary
	for _, job := range jobs {
		if ctx.Err() != nil {
			errs = append(errs, fmt.Errorf("relationship %s: not run: %w", job.relationship, context.Cause(ctx)))
			continue
		}
		summary, err := o.runOne(ctx, engine, job)
		if err != nil {
			errs = append(errs, err)
		}
		if summary != nil {
			summaries = append(summaries, *summary)
		}
	}
	o.console.finish()
	if err := printRuns(io, o.output, summaries); err != nil {
		errs = append(errs, err)
	}
	if len(errs) > 0 {
		return exitError{errors.Join(errs...)}
	}
	return nil
}

// runJob is one relationship to run.
type runJob struct {
	relationship string
	parts        []local.Part
}

// jobs finds what to run, before anything runs.
func (o *runOptions) jobs(io streams) ([]runJob, error) {
	targets, err := o.targets(io)
	if err != nil {
		return nil, err
	}
	if o.runID != "" {
		if err := contract.CheckRunID(o.runID); err != nil {
			return nil, usageError{err}
		}
		if len(targets) > 1 {
			return nil, usageErrorf("--run-id names one run: choose the relationship with --relationship")
		}
	}
	var jobs []runJob
	for _, t := range targets {
		parts, err := t.parts(o.site, contract.RoleDestination, contract.RoleSource)
		if err != nil {
			return nil, err
		}
		if o.verify && !bothSides(parts) {
			return nil, usageErrorf("--verify needs both sides of relationship %s in one invocation", t.relationship)
		}
		jobs = append(jobs, runJob{t.relationship, parts})
	}
	return jobs, nil
}

// bothSides reports whether the parts have the source and the replica. A
// relationship within one site has both in one pipeline.
func bothSides(parts []local.Part) bool {
	if len(parts) > 1 {
		return true
	}
	for _, step := range parts[0].Pipeline.Steps {
		if _, ok := step.Command.(*contract.RsyncCopy); ok {
			return true
		}
	}
	return false
}

func (o *runOptions) runOne(ctx context.Context, engine *local.Engine, job runJob) (*runSummary, error) {
	request := local.Request{Run: o.runID, Parts: job.parts, Timeout: o.timeout}
	if request.Run == "" {
		request.Run = newRunID(time.Now())
	}
	var verified *verification
	if o.verify {
		request.Verify = func(ctx context.Context, trees local.Trees) (err error) {
			verified, err = verify(ctx, trees)
			return err
		}
	}
	report, err := engine.Run(ctx, request)
	if report == nil {
		return nil, err
	}
	summary := summarize(report, err)
	summary.Verified = verified
	return &summary, err
}
