package main

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/templates/local"
	"github.com/backube/scribe-gen/templates/remote"
)

// promoteOptions are the flags of promote.
type promoteOptions struct {
	selection
	console   *console
	at, claim string
	resume    bool
	output    string
}

func newPromoteCommand(io streams) *cobra.Command {
	o := &promoteOptions{console: newConsole(io), output: formatText}
	cmd := &cobra.Command{
		Use:   "promote -f SPEC",
		Short: "Fail over: make the application's volume from a replica snapshot",
		Long: `Refuses every further push into the replica, ends a listener that is open, makes
the application's volume from a replica snapshot and prints its recovery point and
how old that is: everything written to the source after it is not in the volume.

The snapshot is the latest, or the one chosen with --at: a name, or the newest at
or before a time (RFC 3339). Promoting again with the same arguments finishes what
was begun.

At a Kubernetes site the promote pipeline of the site's bundle runs; it can be run
without scribe-gen, too.

--resume undoes the refusal of pushes and leaves the promoted volume alone.`,
		Example: `  scribe-gen promote -f replication.yaml
  scribe-gen promote -f replication.yaml --at 2026-11-20T09:15:00Z --claim restored
  scribe-gen promote -f replication.yaml --resume`,
		Annotations: map[string]string{exitStatus: `  0   promoted, or resumed
  1   failed; a retry may help
  2   wrong usage or an invalid spec
  78  failed for good: no such snapshot, or a volume of that name is in the way
`},
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.promote(cmd.Context(), io) },
	}
	o.addFlags(cmd)
	o.addStepsFlag(cmd)
	o.console.addFlags(cmd)
	cmd.Flags().StringVar(&o.at, "at", "", "replica snapshot: latest, a name, or the newest at or before an RFC 3339 time (default latest)")
	cmd.Flags().StringVar(&o.claim, "claim", "", "name of the volume to make (default: the replica's with -promoted)")
	cmd.Flags().BoolVar(&o.resume, "resume", false, "accept pushes again")
	cmd.MarkFlagsMutuallyExclusive("resume", "at")
	cmd.MarkFlagsMutuallyExclusive("resume", "claim")
	addChoiceFlag(cmd, &o.output, "output", "o", "text or json", formatText, formatJSON)
	return cmd
}

// promotion is what promote prints.
type promotion struct {
	Relationship string `json:"relationship"`
	// Result is promoted or resumed.
	Result        string     `json:"result"`
	Reason        string     `json:"reason,omitempty"`
	Snapshot      string     `json:"snapshot,omitempty"`
	Claim         string     `json:"claim,omitempty"`
	Path          string     `json:"path,omitempty"`
	RecoveryPoint *time.Time `json:"recoveryPoint,omitempty"`
	// AgeSeconds is how old the recovery point was when it was promoted.
	AgeSeconds float64 `json:"ageSeconds,omitempty"`
}

func (o *promoteOptions) promote(ctx context.Context, io streams) error {
	t, err := o.one(io)
	if err != nil {
		return err
	}
	ends, err := o.reach(io, t, "", contract.RolePromote)
	if err != nil {
		return err
	}
	if len(ends) == 0 {
		return usageErrorf("relationship %s cannot be promoted: with copyMethod Direct its destination has no replica snapshots", t.relationship)
	}
	params := map[string]string{}
	if o.at != "" {
		params["at"] = o.at
	}
	if o.claim != "" {
		params["claim"] = o.claim
	}
	promote := o.promoteHere
	if !ends[0].isLocal() {
		promote = o.promoteThere
	}
	report, err := promote(ctx, ends[0], params)
	if err != nil {
		return exitError{err}
	}
	return o.print(io, ends[0], report)
}

func (o *promoteOptions) promoteHere(ctx context.Context, e end, params map[string]string) (*local.Report, error) {
	part := e.Part
	if o.resume {
		part.Pipeline = resumePipeline(part.Pipeline)
	}
	engine, stop, err := o.engine(o.console)
	if err != nil {
		return nil, err
	}
	defer stop()
	return engine.Run(ctx, local.Request{Run: newRunID(time.Now()), Params: params, Parts: []local.Part{part}})
}

func (o *promoteOptions) promoteThere(ctx context.Context, e end, params map[string]string) (*local.Report, error) {
	if o.resume {
		params["resume"] = "true"
	}
	return runThere(ctx, o.console, e, remote.Submission{Params: params})
}

// resumePipeline is the promote pipeline with the step set to resume.
func resumePipeline(p plan.Pipeline) plan.Pipeline {
	steps := make([]plan.Step, len(p.Steps))
	for i, step := range p.Steps {
		if c, ok := step.Command.(*contract.Promote); ok {
			command := *c
			command.Resume = true
			step.Command = &command
		}
		steps[i] = step
	}
	p.Steps = steps
	return p
}

func (o *promoteOptions) print(io streams, e end, report *local.Report) error {
	outcome, _ := report.Outcome("promote")
	p := promotion{
		Relationship: report.Relationship, Result: "promoted", Reason: outcome.Reason,
		Snapshot: outcome.Snapshot, Claim: outcome.Claim, RecoveryPoint: outcome.RecoveryPoint,
	}
	if o.resume {
		p.Result = "resumed"
	}
	if p.Claim != "" {
		p.Path = volumeAt(e, p.Claim)
	}
	if p.RecoveryPoint != nil {
		p.AgeSeconds = time.Since(*p.RecoveryPoint).Seconds()
	}
	if o.output == formatJSON {
		return printJSON(io.out, p)
	}
	w := tabwriter.NewWriter(io.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "relationship\t%s\nresult\t%s\n", p.Relationship, p.Result)
	if p.RecoveryPoint != nil {
		fmt.Fprintf(w, "recovery point\t%s, %s old\n", pointText(*p.RecoveryPoint), ageText(time.Since(*p.RecoveryPoint)))
	}
	if p.Snapshot != "" {
		fmt.Fprintf(w, "replica snapshot\t%s\n", p.Snapshot)
	}
	if p.Claim != "" {
		fmt.Fprintf(w, "volume\t%s\n", p.Path)
	}
	return w.Flush()
}

// volumeAt is where a claim is: a directory, or NAMESPACE/NAME.
func volumeAt(e end, claim string) string {
	if e.isLocal() {
		return e.Layout().Volume(claim)
	}
	return e.session.Namespace + "/" + claim
}

// ageText is how old something is, to a precision that fits.
func ageText(d time.Duration) string {
	switch {
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	case d < 48*time.Hour:
		return d.Round(time.Second).String()
	}
	return fmt.Sprintf("%.1f days", d.Hours()/24)
}
