package remote

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/backube/scribe-gen/templates/local"
)

// Pipeline is one run of a pipeline at a Kubernetes site, from its submission to
// its end. It is a [Leg].
type Pipeline struct {
	Session      *Session
	Relationship string
	// Role is that of the pipeline.
	Role       string
	Submission Submission
	// Reporter hears what happens.
	Reporter local.Reporter
	// Hard ends the following of the run at once; what runs goes on running.
	Hard context.Context
	// Limit is how long the run may take, queueing included, before it is stopped;
	// 0 for no limit. The engine has limits of its own, within this one.
	Limit time.Duration
	// submitted is the run's object, once there is one.
	submitted Run
}

// stopLimit is how long asking a run to stop may take.
const stopLimit = 10 * time.Second

// AbandonedError is a run that goes on without anybody following it.
type AbandonedError struct {
	Site, Context, Namespace, Run string
	Err                           error
}

func (e *AbandonedError) Error() string {
	return fmt.Sprintf("site %s: run %s goes on in namespace %s of context %s: %v", e.Site, e.Run, e.Namespace, e.Context, e.Err)
}

// Unwrap returns why it is not followed.
func (e *AbandonedError) Unwrap() error { return e.Err }

// Run submits the pipeline and follows the run to its end. When ctx ends, the run
// is stopped politely, which lets it clean up, and followed on until Hard ends.
// The report is there also with an error, which wraps a *local.StepError when a
// step failed.
func (p *Pipeline) Run(ctx context.Context) (*local.Report, error) {
	if p.Limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, p.Limit, fmt.Errorf("the run did not end within %s", p.Limit))
		defer cancel()
	}
	started := time.Now()
	run, err := p.Session.Engine.Submit(ctx, p.Submission)
	if err != nil {
		return nil, p.Session.Failed("submit", p.Submission.Pipeline, err)
	}
	p.submitted = run
	p.say(slog.LevelInfo, "", fmt.Sprintf("submitted run %s in namespace %s", run.Name, p.Session.Namespace))
	stopped := make(chan error, 1)
	unstop := context.AfterFunc(ctx, func() {
		p.say(slog.LevelWarn, "", fmt.Sprintf("stopping run %s: %v", run.Name, context.Cause(ctx)))
		// A second interrupt must not keep the request from being sent.
		asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopLimit)
		defer cancel()
		stopped <- p.Session.Engine.Stop(asking, run.Name)
	})
	final, err := p.follow(run)
	if !unstop() {
		if stopErr := <-stopped; stopErr != nil {
			err = errors.Join(p.Session.Failed("stop", "run "+run.Name, stopErr), err)
		}
	}
	report := p.report(final, started)
	if errors.As(err, new(*DeletedError)) {
		return report, p.Session.Failed("follow", p.Submission.Pipeline, err)
	}
	if err != nil {
		return report, &AbandonedError{p.Session.Site, p.Session.Context, p.Session.Namespace, run.Name, err}
	}
	return report, p.failure(ctx, final)
}

// Name is that of the run's object; empty before it was submitted.
func (p *Pipeline) Name() string { return p.submitted.Name }

func (p *Pipeline) follow(run Run) (Run, error) {
	teller := &teller{pipeline: p, seen: map[string]Step{}}
	lost := func(err error) {
		p.say(slog.LevelWarn, "", fmt.Sprintf("lost the connection to context %s, trying again: %v", p.Session.Context, brief(err)))
	}
	final, err := p.Session.Engine.Follow(p.Hard, run.Name, lost, teller.tell)
	if err != nil && final.Name == "" {
		final = run // nothing was heard of it
	}
	return final, err
}

// report is what became of the run so far.
func (p *Pipeline) report(run Run, started time.Time) *local.Report {
	r := &local.Report{Run: run.ID, Relationship: p.Relationship, Started: started, Duration: time.Since(started)}
	for _, s := range run.Steps {
		if !s.Phase.Ended() {
			continue
		}
		step := local.StepReport{
			Site: p.Session.Site, Role: p.Role, Step: s.Name, Attempts: s.Attempts, Duration: s.Finished.Sub(s.Started),
		}
		if s.Outcome != nil {
			step.Outcome = *s.Outcome
		}
		if s.Phase == Failed {
			step.Err = p.stepError(s)
		}
		r.Steps = append(r.Steps, step)
	}
	return r
}

func (p *Pipeline) stepError(s Step) *local.StepError {
	e := &local.StepError{
		Site: p.Session.Site, Role: p.Role, Step: s.Name, Exit: s.Exit, Attempts: s.Attempts, Reason: s.Message,
	}
	if s.Outcome != nil && s.Outcome.Reason != "" {
		e.Reason = s.Outcome.Reason
	}
	if s.Exit < 0 {
		e.Err = errors.New("its pod failed")
	}
	return e
}

// failure is why the run failed; nil when it did not.
func (p *Pipeline) failure(ctx context.Context, run Run) error {
	if run.Phase != Failed {
		return nil
	}
	cause := context.Cause(ctx)
	step := run.FailedStep()
	switch {
	case step != nil && cause != nil:
		e := p.stepError(*step)
		e.Exit, e.Reason, e.Err = -1, "", fmt.Errorf("interrupted: %w", cause)
		return e
	case step != nil:
		return p.stepError(*step)
	case cause != nil:
		return fmt.Errorf("%s pipeline at site %s: interrupted: %w", p.Role, p.Session.Site, cause)
	}
	return fmt.Errorf("%s pipeline at site %s: run %s in namespace %s failed: %s",
		p.Role, p.Session.Site, run.Name, p.Session.Namespace, orText(run.Message, "the engine does not say why"))
}

func orText(text, other string) string {
	if text == "" {
		return other
	}
	return text
}

// say reports a milestone of the pipeline, or of one of its steps.
func (p *Pipeline) say(level slog.Level, step, message string) {
	if step == "" {
		step = p.Role
	}
	p.Reporter.Line(local.Line{
		Time: time.Now(), Site: p.Session.Site, Role: p.Role, Step: step, Level: level, Message: message, Milestone: true,
	})
}
