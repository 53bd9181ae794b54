package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/steps/contract"
)

// finallyTimeout bounds the steps that clean up when they have no limit of their
// own.
const finallyTimeout = 10 * time.Minute

// peerDelay is how long the source may go on after its destination has failed.
const peerDelay = 2 * time.Second

// errPeer ends a pipeline because the other one failed.
var errPeer = errors.New("the other pipeline of the run failed")

// run is one run while it is under way.
type run struct {
	engine *Engine
	req    Request
	// dir holds the outputs, outcomes and temporary files of the run's steps.
	dir string
	// meeting is the loopback address where push and listen of this run meet;
	// zero when only one of them is part of it.
	meeting meeting
	// connected is closed once the source has what it needs to connect.
	connected chan struct{}
	// pushed is closed once the push has ended well.
	pushed chan struct{}

	mu     sync.Mutex
	report Report
}

// Run runs the parts of one relationship to their end. It returns a report also
// with an error, which is, or wraps, a *StepError when a step failed. When one
// part fails, the others are told to end. What must run finally always runs,
// also after ctx has ended, unless [Engine.Kill] is called.
func (e *Engine) Run(ctx context.Context, req Request) (*Report, error) {
	if len(req.Parts) == 0 {
		return nil, errors.New("nothing to run: no pipeline of the relationship is at a local site")
	}
	if err := contract.CheckRunID(req.Run); err != nil {
		return nil, err
	}
	req, err := absolute(req)
	if err != nil {
		return nil, err
	}
	if err := requireSources(req.Parts); err != nil {
		return nil, err
	}
	unlock, err := lockAll(req.Parts)
	if err != nil {
		return nil, err
	}
	defer unlock()
	dir, err := workDirectory(req.Parts[0])
	if err != nil {
		return nil, fmt.Errorf("make a directory for the run's outputs: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()

	r := &run{engine: e, req: req, dir: dir, connected: make(chan struct{}), pushed: make(chan struct{})}
	r.report = Report{Run: req.Run, Relationship: req.Parts[0].Relationship.Name, Started: time.Now()}
	err = r.all(ctx)
	r.report.Duration = time.Since(r.report.Started)
	return &r.report, errors.Join(err, r.record(err))
}

// all prepares the sites and runs the parts concurrently.
func (r *run) all(ctx context.Context) error {
	params := make([]values, len(r.req.Parts))
	var err error
	for i, part := range r.req.Parts {
		if params[i], err = r.params(part); err != nil {
			return err
		}
		if err = prepare(part); err != nil {
			return err
		}
	}
	if r.meeting, err = findMeeting(r.req.Parts); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var (
		group    sync.WaitGroup
		errs     = make([]error, len(r.req.Parts))
		endPeers = func() { cancel(errPeer) }
	)
	for i, part := range r.req.Parts {
		group.Go(func() { errs[i] = r.pipeline(ctx, part, params[i], endPeers) })
	}
	group.Wait()
	// The source comes last among the parts, and knows most.
	slices.Reverse(errs)
	return causes(errs)
}

// causes joins the errors, without those that only say that another one ended
// the pipeline.
func causes(errs []error) error {
	own := slices.DeleteFunc(slices.Clone(errs), func(err error) bool { return errors.Is(err, errPeer) })
	if err := errors.Join(own...); err != nil {
		return err
	}
	return errors.Join(errs...)
}

// pipeline runs one part: its steps in their order, then what must run finally.
// When a step fails it ends the run's other parts by calling endPeers.
func (r *run) pipeline(ctx context.Context, part Part, known values, endPeers func()) error {
	err := r.steps(ctx, part, known)
	switch {
	case err == nil:
	case part.Pipeline.Role == contract.RoleSource:
		endPeers()
	default:
		// The source may be about to say why it made the listener fail.
		time.AfterFunc(peerDelay, endPeers)
	}
	return errors.Join(err, r.finally(part, known))
}

// steps runs the part's steps in their order and verifies what they did.
func (r *run) steps(ctx context.Context, part Part, known values) error {
	timeout := r.req.Timeout
	if timeout == 0 {
		timeout = part.Pipeline.Timeout
	}
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, timeout, fmt.Errorf("the run did not end within %s", timeout))
		defer cancel()
	}
	for _, step := range part.Pipeline.Steps {
		if err := r.one(ctx, part, step, known); err != nil {
			return err
		}
	}
	return r.verify(ctx, part, known)
}

// finally runs the part's last steps, each whatever became of the one before.
func (r *run) finally(part Part, known values) error {
	var errs []error
	for _, step := range part.Pipeline.Finally {
		limit := finallyTimeout
		if step.Timeout > 0 {
			limit = step.Timeout * time.Duration(step.Retry.Limit+1)
		}
		ctx, cancel := context.WithTimeout(r.engine.hard, limit)
		errs = append(errs, r.one(ctx, part, step, known))
		cancel()
	}
	return errors.Join(errs...)
}

// one runs one step and adds its outputs to what is known.
func (r *run) one(ctx context.Context, part Part, step plan.Step, known values) error {
	if err := r.before(ctx, part, step); err != nil {
		return err
	}
	dir := filepath.Join(r.dir, part.Pipeline.Name, step.Name)
	ready, err := render(part, step, known, dir)
	if err != nil {
		return fmt.Errorf("%s pipeline at site %s: step %s: %w", part.Pipeline.Role, part.Site.Name, step.Name, err)
	}
	r.meeting.apply(part, ready.command)
	ctx, cancel := r.untilPushed(ctx, step)
	defer cancel()
	j := &job{run: r, part: part, step: step, rendered: ready}
	j.released = func() bool { return errors.Is(context.Cause(ctx), errPushed) }
	if err := j.execute(ctx); err != nil {
		return err
	}
	outputs, err := ready.readOutputs(step.Name)
	if err != nil {
		return err
	}
	for key, value := range outputs {
		known[key] = value
	}
	return r.after(step)
}

// params returns the values that are known before the first step.
func (r *run) params(part Part) (values, error) {
	known := values{runID: r.req.Run}
	for _, p := range part.Pipeline.Params {
		known[param(p.Name)] = p.Default
	}
	for key, value := range r.req.Params {
		if _, ok := known[param(key)]; !ok {
			return nil, fmt.Errorf("pipeline %s has no parameter %s", part.Pipeline.Name, key)
		}
		known[param(key)] = value
	}
	return known, nil
}

func (r *run) add(s StepReport) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Steps = append(r.report.Steps, s)
}
