package main

import (
	"context"
	"slices"
	"time"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/templates/local"
)

// runner runs jobs.
type runner struct {
	*runOptions
	io streams
	// engine runs what is local; nil when nothing is.
	engine *local.Engine
	// hard ends with the second interrupt.
	hard context.Context
}

// runner returns one for the jobs, and a function to call when it is no longer
// used.
func (o *runOptions) runner(io streams, jobs []runJob) (*runner, func(), error) {
	r := &runner{runOptions: o, io: io}
	message, kill := stoppingRuns, func() {}
	if slices.ContainsFunc(jobs, func(j runJob) bool { return len(j.parts()) > 0 }) {
		var err error
		if r.engine, err = o.localEngine(o.console); err != nil {
			return nil, nil, err
		}
		message, kill = "stopping; interrupt again to kill every step at once", r.engine.Kill
	}
	hard, leave := context.WithCancelCause(context.Background())
	r.hard = hard
	stop := onInterrupts(o.console, message, func() { leave(errLeft); kill() })
	return r, func() { stop(); leave(nil) }, nil
}

// bothSides reports whether the parts have the replica and what it is to be equal
// to: the source, which is in the same pipeline within one site, or a manifest.
func bothSides(parts []local.Part) bool {
	if len(parts) > 1 {
		return true
	}
	for _, step := range parts[0].Pipeline.Steps {
		switch step.Command.(type) {
		case *contract.RsyncCopy, *contract.RclonePull:
			return true
		}
	}
	return false
}

// runHere runs a relationship whose ends are both on this host.
func (r *runner) runHere(ctx context.Context, job runJob) (*runSummary, error) {
	request := r.request(job.parts())
	var verified *verification
	if r.verify {
		request.Verify = func(ctx context.Context, trees local.Trees) (err error) {
			verified, err = verify(ctx, trees)
			return err
		}
	}
	report, err := r.engine.Run(ctx, request)
	if report == nil {
		return nil, err
	}
	summary := summarize(report, err)
	summary.Verified = verified
	return &summary, err
}

func (o *runOptions) request(parts []local.Part) local.Request {
	request := local.Request{Run: o.runID, Parts: parts, Timeout: o.timeout}
	if request.Run == "" {
		request.Run = newRunID(time.Now())
	}
	return request
}
