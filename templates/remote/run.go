package remote

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/backube/scribe-gen/templates/local"
)

// Leg is one pipeline of a run, at whichever kind of site. Run returns when it has
// ended; when ctx ends, it ends politely. The report is there also with an error.
type Leg interface {
	Run(ctx context.Context) (*local.Report, error)
}

// LegFunc is a function that is a Leg.
type LegFunc func(ctx context.Context) (*local.Report, error)

// Run calls the function.
func (f LegFunc) Run(ctx context.Context) (*local.Report, error) { return f(ctx) }

// Pair is the two ends of one run.
type Pair struct {
	// Destination is nil where the source's pipeline does all, or runs alone.
	Destination Leg
	// Connect brings the keys from the destination to the source. It is called
	// while the destination's leg runs, as that makes the keys when there are none;
	// it waits for them until ctx ends. Nil when there is nothing to bring.
	Connect func(ctx context.Context) error
	// Source is nil when the destination runs alone.
	Source Leg
	// SourceGrace and DestinationGrace are how long the one end may go on after the
	// other one failed: it may be about to say why. By default a source has 10 s,
	// as it tries again at intervals, and a destination, which is told, 2 s.
	SourceGrace, DestinationGrace time.Duration
}

const (
	sourceGrace      = 10 * time.Second
	destinationGrace = 2 * time.Second
)

// errPeer ends an end because the other one failed.
var errPeer = errors.New("the other pipeline of the run failed")

// result is how a leg ended.
type result struct {
	report *local.Report
	err    error
}

// Run runs both ends: the destination, then, as soon as the keys are there, the
// source beside it. When one fails, the other is told to end. The report has the
// steps of both and the run ID of the source.
func (p Pair) Run(ctx context.Context) (*local.Report, error) {
	started := time.Now()
	p.SourceGrace = cmp.Or(p.SourceGrace, sourceGrace)
	p.DestinationGrace = cmp.Or(p.DestinationGrace, destinationGrace)
	destination, endDestination := p.start(ctx, p.Destination)
	source, endSource := p.start(ctx, nil)
	err := p.connect(ctx, &destination)
	if err != nil && ctx.Err() != nil {
		err = errors.Join(errPeer, err) // the pipelines say that they were interrupted
	}
	if err == nil && p.Source != nil {
		source, endSource = p.start(ctx, p.Source)
	}
	if err != nil {
		endDestination(errPeer)
	}
	results := p.await(source, destination, endSource, endDestination)
	// The source comes first: it knows most, also why the listener failed.
	return merge(started, results, err)
}

// start runs a leg in the background; one that is nil has ended at once.
func (p Pair) start(ctx context.Context, leg Leg) (<-chan result, context.CancelCauseFunc) {
	done := make(chan result, 1)
	ctx, cancel := context.WithCancelCause(ctx)
	if leg == nil {
		done <- result{}
		return done, cancel
	}
	go func() {
		report, err := leg.Run(ctx)
		done <- result{report, err}
	}()
	return done, cancel
}

// connect brings the keys, unless the destination ends first: then its error says
// what is wrong.
func (p Pair) connect(ctx context.Context, destination *<-chan result) error {
	if p.Connect == nil {
		return nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	connected := make(chan error, 1)
	go func() { connected <- p.Connect(ctx) }()
	if p.Destination == nil {
		return <-connected
	}
	select {
	case err := <-connected:
		return err
	case early := <-*destination:
		again := make(chan result, 1)
		again <- early
		*destination = again
		if early.err != nil {
			cancel(errPeer)
			return errors.Join(errPeer, <-connected)
		}
		return <-connected // it had made the keys
	}
}

// await waits for both, and tells the one that is left to end when the other one
// failed.
func (p Pair) await(source, destination <-chan result, endSource, endDestination context.CancelCauseFunc) [2]result {
	defer endSource(nil)
	defer endDestination(nil)
	var results [2]result
	for range 2 {
		select {
		case results[0] = <-source:
			source = nil
			if results[0].err != nil {
				defer time.AfterFunc(p.DestinationGrace, func() { endDestination(errPeer) }).Stop()
			}
		case results[1] = <-destination:
			destination = nil
			if results[1].err != nil {
				defer time.AfterFunc(p.SourceGrace, func() { endSource(errPeer) }).Stop()
			}
		}
	}
	return results
}

// merge makes one report of both, the source's steps first.
func merge(started time.Time, results [2]result, err error) (*local.Report, error) {
	var merged *local.Report
	errs := []error{err}
	var steps []local.StepReport
	for _, r := range results {
		errs = append(errs, r.err)
		if r.report == nil {
			continue
		}
		if merged == nil {
			merged = &local.Report{Run: r.report.Run, Relationship: r.report.Relationship, Started: started}
		}
		steps = append(steps, r.report.Steps...)
	}
	if merged != nil {
		merged.Duration = time.Since(started)
		merged.Steps = steps
	}
	return merged, causes(errs)
}

// causes joins the errors, without those that only say that another one ended the
// pipeline.
func causes(errs []error) error {
	own := slices.DeleteFunc(slices.Clone(errs), func(err error) bool { return errors.Is(err, errPeer) })
	if err := errors.Join(own...); err != nil {
		return err
	}
	return errors.Join(errs...)
}
