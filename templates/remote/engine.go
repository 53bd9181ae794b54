package remote

import (
	"context"
	"regexp"
	"strings"
	"time"

	"github.com/backube/scribe-gen/steps/contract"
)

// Engine is what a workflow engine does at one site. Pipelines are named as in
// the plan, runs as the engine names their object.
type Engine interface {
	Runs
	Ender
	Scheduler
}

// Runs starts runs and tells how they fare.
type Runs interface {
	// Submit starts a run. A pipeline that is not in the cluster is a
	// *NotAppliedError.
	Submit(ctx context.Context, s Submission) (Run, error)
	// Follow calls each, one at a time, with the run as it is and then with every
	// change, until it has ended, and returns how. A lost connection is told to lost
	// and made again. A run that somebody deletes meanwhile is a *DeletedError.
	Follow(ctx context.Context, name string, lost func(error), each func(Run)) (Run, error)
	// List returns the runs of a relationship that the cluster still has, however
	// they were started, newest first.
	List(ctx context.Context, relationship string) ([]Run, error)
}

// Ender ends runs and removes what is left of them.
type Ender interface {
	// Stop ends a run politely: what must run finally runs. One that has ended or
	// is gone is no error.
	Stop(ctx context.Context, name string) error
	// Delete removes a run that has ended. One that is gone is no error.
	Delete(ctx context.Context, name string) error
}

// Scheduler tells when runs start by themselves.
type Scheduler interface {
	// Schedule returns that of a pipeline; nil when the cluster has none for it.
	Schedule(ctx context.Context, pipeline string) (*Schedule, error)
}

// Submission is a run to start.
type Submission struct {
	// Pipeline is the name of the pipeline.
	Pipeline string
	// Step, if not empty, is the only step to run. Such a run does not wait for the
	// pipeline's lock.
	Step string
	// Params are values of the pipeline's parameters; those that are absent have
	// their default.
	Params map[string]string
	// Labels are for the run's object.
	Labels map[string]string
	// Timeout replaces that of the pipeline; 0 for that one.
	Timeout time.Duration
}

// Phase is where a run or a step is.
type Phase string

// The phases. Failed is also what the engine calls an error of its own.
const (
	Pending   Phase = "pending"
	Running   Phase = "running"
	Succeeded Phase = "succeeded"
	Failed    Phase = "failed"
)

// Ended reports whether nothing follows.
func (p Phase) Ended() bool { return p == Succeeded || p == Failed }

// Run is one run of a pipeline.
type Run struct {
	// Name is that of the engine's object, ID the run ID that the steps have.
	Name, ID string
	// Role is that of its pipeline: source, destination or promote.
	Role string
	// Step is the only step that was asked for; empty for all of them.
	Step string
	// Scheduled is set when the schedule started it.
	Scheduled bool
	Phase     Phase
	// Message is the engine's: why it failed, or what it waits for.
	Message string
	// Submitted is when it was asked for. Started and Finished are zero until then.
	Submitted, Started, Finished time.Time
	// Steps are those that began, in that order.
	Steps []Step
}

// Step is one step of a run.
type Step struct {
	Name  string
	Phase Phase
	// Attempts is how often it was tried so far.
	Attempts int
	// Message is the engine's of the last attempt: why its pod does not start, or
	// why it failed.
	Message string
	// Exit is the exit code of the last attempt; -1 when there is none.
	Exit int
	// Outcome is the step's last word, once it has ended; nil when it said none, as
	// one that was killed, or when it is lost.
	Outcome           *contract.Outcome
	Started, Finished time.Time
	// Done of Total are how far it is, in bytes; 0 of 0 when it does not say.
	Done, Total int64
}

// Schedule is when runs start.
type Schedule struct {
	// Suspended is set when none does.
	Suspended bool
	// Last is when one started last; zero for never.
	Last time.Time
	// Problem says why the engine cannot start runs; empty when it can.
	Problem string
}

// FailedStep returns the first step that failed; nil when none did.
func (r Run) FailedStep() *Step {
	for i := range r.Steps {
		if r.Steps[i].Phase == Failed {
			return &r.Steps[i]
		}
	}
	return nil
}

// routine are messages of pods that are starting as they should.
var routine = []string{"", "PodInitializing", "ContainerCreating"}

// Waiting says what a run that has not ended waits for, when that may need
// somebody: a pod that no node takes, an image that is not there, a lock. Empty
// when all goes its way.
func (r Run) Waiting() string {
	if r.Phase.Ended() {
		return ""
	}
	for _, s := range r.Steps {
		if text := s.waiting(); text != "" {
			return "step " + s.Name + ": " + text
		}
	}
	if r.Phase == Pending {
		return r.Message
	}
	return ""
}

func (s Step) waiting() string {
	if s.Phase != Pending {
		return ""
	}
	for _, known := range routine {
		if s.Message == known {
			return ""
		}
	}
	return s.Message
}

// LabelStartedBy is who started a run by hand, as a label of its object.
const LabelStartedBy = "scribe.backube/started-by"

var notInLabel = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// LabelValue makes a label's value of a text: at most 63 bytes of letters, digits,
// dots, dashes and underscores.
func LabelValue(text string) string {
	text = notInLabel.ReplaceAllString(text, ".")
	if len(text) > 63 {
		text = text[:63]
	}
	return strings.Trim(text, "._-")
}
