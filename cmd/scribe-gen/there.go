package main

import (
	"context"
	"os"
	"os/user"
	"time"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/templates/local"
	"github.com/backube/scribe-gen/templates/remote"
)

// queueing is how much longer than its own limit a run may take to end: it may
// wait for the lock that an earlier one holds, and for what must run finally.
const queueing = 10 * time.Minute

// runThere runs one pipeline of a Kubernetes site to its end. An interrupt stops
// it; a second one leaves it running.
func runThere(ctx context.Context, c *console, e end, submission remote.Submission) (*local.Report, error) {
	hard, leave := context.WithCancelCause(context.Background())
	defer leave(nil)
	stop := onInterrupts(c, stoppingRuns, func() { leave(errLeft) })
	defer stop()
	return pipelineOf(e, c, hard, submission, 0).Run(ctx)
}

const stoppingRuns = "stopping the runs, which lets them clean up; interrupt again to leave them to it"

// errLeft ends the following of runs.
var errLeft = leftError{}

type leftError struct{}

func (leftError) Error() string { return "interrupted twice" }

// pipelineOf is a run of the end's pipeline, to be started.
func pipelineOf(e end, c *console, hard context.Context, submission remote.Submission, timeout time.Duration) *remote.Pipeline {
	submission.Pipeline = e.Pipeline.Name
	submission.Timeout = timeout
	submission.Labels = remote.Labels(e.replication, e.Relationship.Name)
	submission.Labels[contract.LabelRole] = e.Pipeline.Role
	submission.Labels[remote.LabelStartedBy] = starter()
	limit := timeout
	if limit == 0 {
		limit = 2 * e.Pipeline.Timeout // it may queue behind another run
	}
	return &remote.Pipeline{
		Session: e.session, Relationship: e.Relationship.Name, Role: e.Pipeline.Role,
		Submission: submission, Reporter: c, Hard: hard, Limit: limit + queueing,
	}
}

// starter is who starts runs by hand, as a label.
func starter() string {
	name := "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if host, err := os.Hostname(); err == nil {
		name += "." + host
	}
	return remote.LabelValue(name)
}
