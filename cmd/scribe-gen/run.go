package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	cluster clusterOptions
}

func newRunCommand(io streams) *cobra.Command {
	o := &runOptions{console: newConsole(io), output: formatText}
	cmd := &cobra.Command{
		Use:   "run -f SPEC...",
		Short: "Run one run of a replication",
		Long: `Takes a point-in-time copy of the source, sends it to the destination, cuts the
replica snapshot, applies retention and removes the copy. Several relationships run
one after another. Progress goes to stderr; the summary is printed on stdout.

A local site is a directory. Its pipeline runs as processes of this host, with the
same step binaries as in a cluster and over real SSH. The source's data is below it
in volumes/CLAIM; the replica, its snapshots, keys and state are made as needed.

A Kubernetes site is a namespace that the site's kubeconfig context leads to. Its
bundle is applied server-side, as ` + "`scribe-gen generate`" + ` prints it; the destination's
pipeline is submitted, the keys that it makes are brought to the source, the
source's is submitted, and both are followed to their end. The two ends of a
relationship may be of different kinds.

Through an object store the source publishes first, under the relationship named
with its own site, and then each destination pulls; one that fails keeps no other
from it.

With --site only that site's pipeline runs: run it at either end, at the same time;
the source waits for the listener.

--verify compares every entry of the source's point-in-time copy with the replica
snapshot, after the transfer and before the copy is removed, and fails if they
differ. What was pulled from an object store is compared with the manifest of its
generation, with the content of every file.

An interrupt (Ctrl-C) stops the steps, removes the copy and publishes nothing. A
second one kills every step on this host at once, and the next run removes what
they left; what runs in a cluster is left to it, and is named.`,
		Example: `  scribe-gen run -f examples/local/replication.yaml
  scribe-gen run -f replication.yaml --verify -o json
  scribe-gen run -f examples/dr/replication.yaml --no-schedule --cleanup
  scribe-gen run -f replication.yaml --relationship wikidata-archive --timeout 2h`,
		Annotations: map[string]string{exitStatus: `  0   done, and identical with --verify
  1   failed, or the trees differ; a retry may help
  2   wrong usage or an invalid spec
  78  failed for good: promoted, paused, refused, stopped by the guard
`},
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), io) },
	}
	o.addFlags(cmd)
	o.addSiteFlag(cmd)
	o.addStepsFlag(cmd)
	o.console.addFlags(cmd)
	o.cluster.addFlags(cmd)
	cmd.Flags().StringVar(&o.runID, "run-id", "", "run ID of local sites; repeat a run's ID to continue it (default: made from the time)")
	cmd.Flags().BoolVar(&o.verify, "verify", false, "compare the source's copy with the replica snapshot, entry by entry; local sites only")
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
	r, stop, err := o.runner(io, jobs)
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
		run := r.runHere
		if !job.allLocal() {
			run = r.runThere
		}
		summary, err := run(ctx, job)
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
	target
	ends []end
}

func (j runJob) allLocal() bool {
	return !slices.ContainsFunc(j.ends, func(e end) bool { return !e.isLocal() })
}

func (j runJob) parts() []local.Part {
	var parts []local.Part
	for _, e := range j.ends {
		if e.isLocal() {
			parts = append(parts, e.Part)
		}
	}
	return parts
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
		ends, err := o.reach(io, t, o.site, contract.RoleDestination, contract.RoleSource)
		if err != nil {
			return nil, err
		}
		job := runJob{t, ends}
		if err := o.check(job); err != nil {
			return nil, err
		}
		jobs = append(jobs, job)
	}
	return jobs, nil
}

// check refuses flags that a job cannot do.
func (o *runOptions) check(job runJob) error {
	switch {
	case o.verify && !job.allLocal():
		return usageErrorf("--verify compares both trees on this host, and those of relationship %s are in a cluster: promote a replica snapshot to another claim and compare that", job.relationship)
	case o.verify && !job.publisher && !bothSides(job.parts()):
		return usageErrorf("--verify needs both sides of relationship %s in one invocation", job.relationship)
	case o.runID != "" && !job.allLocal():
		return usageErrorf("--run-id is for local sites: in a cluster the run ID is the UID that the engine gives the run")
	}
	return nil
}
