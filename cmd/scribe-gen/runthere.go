package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/backube/scribe-gen/generator/spec"
	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/templates/local"
	"github.com/backube/scribe-gen/templates/remote"
)

// clusterOptions are the flags of run for Kubernetes sites.
type clusterOptions struct {
	noApply, noSchedule, force, cleanup bool
}

func (o *clusterOptions) addFlags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&o.noApply, "no-apply", false, "do not apply the bundles of Kubernetes sites: they are there already")
	cmd.Flags().BoolVar(&o.noSchedule, "no-schedule", false, "leave out the bundles' schedules")
	cmd.Flags().BoolVar(&o.cleanup, "cleanup", false, "afterwards delete from Kubernetes sites what this command created: objects of the bundles, keys and finished runs; never claims, replica snapshots or state")
	addForceFlag(cmd, &o.force)
	cmd.MarkFlagsMutuallyExclusive("no-apply", "no-schedule")
}

// runThere runs a relationship that has an end in a cluster.
func (r *runner) runThere(ctx context.Context, job runJob) (*runSummary, error) {
	made := &leavings{runner: r}
	defer func() { r.console.finish() }()
	if err := r.prepare(ctx, job, made); err != nil {
		return nil, fmt.Errorf("relationship %s: %w", job.relationship, err)
	}
	pair, err := r.pair(ctx, job, made)
	if err != nil {
		return nil, fmt.Errorf("relationship %s: %w", job.relationship, err)
	}
	report, err := pair.Run(ctx)
	var state contract.State
	if home := job.ends[0]; err == nil && !home.isLocal() {
		state, err = home.session.State(ctx, job.relationship)
	}
	if r.cluster.cleanup {
		err = errors.Join(err, made.remove(r.hard, err))
	}
	if report == nil {
		return nil, err
	}
	summary := summarize(report, err)
	summary.recorded(state.Last)
	return &summary, err
}

// prepare applies the bundles, destination first, and notes what was there before.
func (r *runner) prepare(ctx context.Context, job runJob, made *leavings) (err error) {
	if !r.cluster.noApply {
		if job.document, err = r.sized(ctx, job); err != nil {
			return err
		}
	}
	for _, e := range job.ends {
		if e.isLocal() {
			continue
		}
		if r.cluster.cleanup {
			if err := made.before(ctx, e); err != nil {
				return err
			}
		}
		if r.cluster.noApply {
			continue
		}
		objects, err := r.objects(job, e)
		if err != nil {
			return err
		}
		changes, err := e.session.Apply(ctx, objects, r.cluster.force)
		made.applied(e, changes)
		r.tell(e, changes)
		if err != nil {
			return err
		}
	}
	return nil
}

// objects is what the bundle of the end's site has for the relationship.
func (r *runner) objects(job runJob, e end) ([]*unstructured.Unstructured, error) {
	bundles, err := compile([]spec.Document{job.document})
	if err != nil {
		return nil, err
	}
	for _, b := range bundles {
		if b.Site != e.Site.Name {
			continue
		}
		objects, err := remote.Objects(b)
		return slices.DeleteFunc(objects, func(o *unstructured.Unstructured) bool {
			return o.GetLabels()[contract.LabelRelationship] != job.relationship || r.cluster.noSchedule && isSchedule(o)
		}), err
	}
	return nil, nil
}

// isSchedule reports whether an object starts runs by itself.
func isSchedule(o *unstructured.Unstructured) bool {
	return o.GetKind() == "CronWorkflow" || o.GetKind() == "CronJob"
}

// tell prints what applying did: every object with -v, else those that are new or
// changed.
func (r *runner) tell(e end, changes []remote.Change) {
	unchanged := 0
	for _, c := range changes {
		if c.Done == remote.Unchanged {
			unchanged++
			if !r.console.verbose {
				continue
			}
		}
		if !r.console.quiet {
			r.console.note("%s: %s %s", e.Site.Name, c, c.Done)
		}
	}
	if unchanged > 0 && !r.console.quiet {
		r.console.note("%s: %d of %d objects unchanged", e.Site.Name, unchanged, len(changes))
	}
}

// pair is the two ends of the run, ready to be started.
func (r *runner) pair(ctx context.Context, job runJob, made *leavings) (remote.Pair, error) {
	var pair remote.Pair
	from, to := endOf(job.ends, contract.RoleDestination), endOf(job.ends, contract.RoleSource)
	if from != nil {
		pair.Destination = r.leg(*from, made)
	}
	if to != nil {
		pair.Source = r.leg(*to, made)
	}
	if from == nil || to == nil {
		return pair, nil
	}
	// A local destination makes its keys first: its pipeline cannot be watched.
	if from.isLocal() {
		keys := keysPart(from.Part, false)
		if _, err := r.engine.Run(ctx, local.Request{Run: newRunID(time.Now()), Parts: []local.Part{keys}}); err != nil {
			return pair, err
		}
	}
	c := carrier{io: streams{err: consoleWriter{r.console}}, from: *from, to: *to, wait: remote.UntilEnd, force: r.cluster.force}
	pair.Connect = func(ctx context.Context) error {
		what, err := c.carry(ctx)
		if err != nil {
			return fmt.Errorf("relationship %s: bring the keys to the source: %w", job.relationship, err)
		}
		if !r.console.quiet {
			r.console.note("%s: keys %s in %s, for %s port %s", what.Site, what.Result, what.Secret, what.Address, what.Port)
		}
		return nil
	}
	return pair, nil
}

// leg is one end of a run.
func (r *runner) leg(e end, made *leavings) remote.Leg {
	if e.isLocal() {
		return remote.LegFunc(func(ctx context.Context) (*local.Report, error) {
			return r.engine.Run(ctx, r.request([]local.Part{e.Part}))
		})
	}
	p := pipelineOf(e, r.console, r.hard, remote.Submission{}, r.timeout)
	made.runs = append(made.runs, startedRun{e, p})
	return p
}

// consoleWriter prints notes above the console's bar.
type consoleWriter struct{ console *console }

// Write prints one line.
func (w consoleWriter) Write(b []byte) (int, error) {
	text := string(b)
	if n := len(text); n > 0 && text[n-1] == '\n' {
		text = text[:n-1]
	}
	w.console.note("%s", text)
	return len(b), nil
}
