package remote

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/templates/local"
)

func pipeline(t *testing.T, e *fakeEngine) (*Pipeline, *lines) {
	s := newSession(t)
	s.Engine = e
	said := &lines{}
	return &Pipeline{
		Session: s, Relationship: "wiki-dr", Role: contract.RoleSource,
		Submission: Submission{Pipeline: "src"}, Reporter: said, Hard: t.Context(),
	}, said
}

func at(second int) time.Time { return time.Date(2026, 11, 20, 9, 0, second, 0, time.UTC) }

func TestPipeline(t *testing.T) {
	push := Step{Name: "push", Phase: Pending, Attempts: 1, Message: "Unschedulable: no node", Exit: -1, Started: at(5)}
	running, done := push, push
	running.Phase, running.Message, running.Done, running.Total = Running, "", 512, 1024
	done.Phase, done.Exit, done.Finished, done.Attempts, done.Message = Succeeded, 0, at(9), 2, ""
	done.Outcome = &contract.Outcome{Step: "rsync push", Outcome: contract.ResultDone, Reason: "all sent", Bytes: 1024}
	p, said := pipeline(t, &fakeEngine{states: []Run{
		{ID: "uid-src", Phase: Pending},
		{ID: "uid-src", Phase: Running, Steps: []Step{push}},
		{ID: "uid-src", Phase: Running, Steps: []Step{running}},
		{ID: "uid-src", Phase: Succeeded, Steps: []Step{done}},
	}})
	report, err := p.Run(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "uid-src", report.Run)
	require.Len(t, report.Steps, 1)
	assert.Equal(t, int64(1024), report.Steps[0].Outcome.Bytes)
	assert.Equal(t, 2, report.Steps[0].Attempts)
	assert.Equal(t, 4*time.Second, report.Steps[0].Duration)
	assert.Equal(t, []string{
		"source: submitted run src-abc in namespace wiki-dr",
		"push: started",
		"source: waits: step push: Unschedulable: no node",
		"push: attempt 2; the last one: no message",
		"push: done in 4s: all sent",
	}, said.text)
	require.Len(t, said.progress, 1)
	assert.Equal(t, local.Progress{Site: "dr", Role: "source", Step: "push", Bytes: 512, Total: 1024}, said.progress[0])
}

// A step's failure comes with its exit code, so that the command's is the same.
func TestPipelineFails(t *testing.T) {
	p, _ := pipeline(t, &fakeEngine{states: []Run{{ID: "uid-src", Phase: Failed, Steps: []Step{{
		Name: "push", Phase: Failed, Attempts: 1, Exit: 78,
		Outcome: &contract.Outcome{Outcome: contract.ResultRefused, Code: contract.RefusedPromoted, Reason: "promoted"},
	}}}}})
	report, err := p.Run(t.Context())
	var step *local.StepError
	require.ErrorAs(t, err, &step)
	assert.Equal(t, contract.ExitRefused, step.Exit)
	assert.EqualError(t, err, "source pipeline at site dr: step push failed with exit code 78: promoted")
	assert.Equal(t, contract.RefusedPromoted, report.Steps[0].Outcome.Code)

	p, _ = pipeline(t, &fakeEngine{states: []Run{{Phase: Failed, Message: "the deadline is over"}}})
	_, err = p.Run(t.Context())
	assert.EqualError(t, err, "source pipeline at site dr: run src-abc in namespace wiki-dr failed: the deadline is over")

	p, _ = pipeline(t, &fakeEngine{submit: &NotAppliedError{Pipeline: "src"}})
	_, err = p.Run(t.Context())
	assert.EqualError(t, err, "site dr: context east, namespace wiki-dr: submit src: pipeline src is not in the cluster")
}

// An interrupted run is stopped and followed until it has cleaned up.
func TestPipelineIsStopped(t *testing.T) {
	p, said := pipeline(t, &fakeEngine{
		states:  []Run{{Phase: Running}},
		stopped: Run{Phase: Failed, Steps: []Step{{Name: "push", Phase: Failed, Exit: 143}, {Name: "cleanup", Phase: Succeeded, Outcome: &contract.Outcome{}}}},
	})
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	report, err := p.Run(ctx)
	assert.EqualError(t, err, "source pipeline at site dr: step push: interrupted: enough")
	assert.Len(t, report.Steps, 2)
	assert.Contains(t, said.text, "source: stopping run src-abc: enough")
}

// The second interrupt leaves at once and says what goes on.
func TestPipelineIsLeft(t *testing.T) {
	p, _ := pipeline(t, &fakeEngine{states: []Run{{Phase: Running}}})
	hard, leave := context.WithCancelCause(t.Context())
	p.Hard = hard
	leave(errors.New("interrupted twice"))
	_, err := p.Run(t.Context())
	var abandoned *AbandonedError
	require.ErrorAs(t, err, &abandoned)
	assert.EqualError(t, err, "site dr: run src-abc goes on in namespace wiki-dr of context east: interrupted twice")
}

// script records the order of what happens.
type script struct {
	mu   sync.Mutex
	done []string
}

func (s *script) say(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done = append(s.done, what)
}

func (s *script) leg(name string, wait <-chan struct{}, err error) Leg {
	return LegFunc(func(ctx context.Context) (*local.Report, error) {
		s.say(name + " begins")
		defer s.say(name + " ends")
		report := &local.Report{Run: name, Steps: []local.StepReport{{Step: name}}}
		select {
		case <-wait:
			return report, err
		case <-ctx.Done():
			return report, context.Cause(ctx)
		}
	})
}

// The source is started when it has the keys, which the destination makes.
func TestPairOrder(t *testing.T) {
	s, made := &script{}, make(chan struct{})
	ended := make(chan struct{})
	close(ended)
	report, err := Pair{
		Destination: s.leg("listen", made, nil),
		Connect: func(context.Context) error {
			s.say("connected")
			close(made)
			return nil
		},
		Source: s.leg("push", ended, nil),
	}.Run(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "push", report.Run, "the run ID is the source's")
	assert.Len(t, report.Steps, 2)
	assert.Contains(t, s.done, "listen begins")
	assert.Less(t, index(s.done, "connected"), index(s.done, "push begins"))
}

func index(list []string, what string) int {
	for i, s := range list {
		if s == what {
			return i
		}
	}
	return -1
}

// When one end fails the other is told to end, and its own words are not repeated.
func TestPairEndsThePeer(t *testing.T) {
	never, now := make(chan struct{}), make(chan struct{})
	close(now)
	boom := errors.New("boom")
	nothing := func(context.Context) error { return nil }
	s := &script{}
	_, err := Pair{Destination: s.leg("listen", never, nil), Connect: nothing, Source: s.leg("push", now, boom), SourceGrace: time.Millisecond, DestinationGrace: time.Millisecond}.Run(t.Context())
	assert.EqualError(t, err, "boom")
	_, err = Pair{Destination: s.leg("listen", now, boom), Connect: nothing, Source: s.leg("push", never, nil), SourceGrace: time.Millisecond, DestinationGrace: time.Millisecond}.Run(t.Context())
	assert.EqualError(t, err, "boom")
}

// A destination that fails before it made keys: the source is never started.
func TestPairWithoutKeys(t *testing.T) {
	now := make(chan struct{})
	close(now)
	s := &script{}
	waits := func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) }
	_, err := Pair{Destination: s.leg("listen", now, errors.New("no image")), Connect: waits, Source: s.leg("push", now, nil)}.Run(t.Context())
	assert.EqualError(t, err, "no image")
	assert.NotContains(t, s.done, "push begins")
	// Keys that cannot be brought end the destination.
	never := make(chan struct{})
	refused := func(context.Context) error { return errors.New("forbidden") }
	_, err = Pair{Destination: s.leg("listen", never, nil), Connect: refused, Source: s.leg("push", now, nil)}.Run(t.Context())
	assert.EqualError(t, err, "forbidden")
	assert.NotContains(t, s.done, "push begins")
}

func TestLabelValue(t *testing.T) {
	assert.Equal(t, "root.my-host", LabelValue("root.my-host"))
	assert.Equal(t, "a.b", LabelValue("-a@@b_"))
	assert.LessOrEqual(t, len(LabelValue(string(make([]byte, 100)))), 63)
}

// A run that was deleted does not go on.
func TestPipelineIsDeleted(t *testing.T) {
	p, _ := pipeline(t, &fakeEngine{states: []Run{{ID: "uid-src", Phase: Running}}, lost: &DeletedError{Run: "src-abc"}})
	report, err := p.Run(t.Context())
	assert.EqualError(t, err, "site dr: context east, namespace wiki-dr: follow src: run src-abc was deleted before it had ended")
	assert.NotErrorAs(t, err, new(*AbandonedError))
	assert.Equal(t, "uid-src", report.Run)
	var hint interface{ Hint() string }
	require.ErrorAs(t, err, &hint)
	assert.Contains(t, hint.Hint(), "the next run removes what it left")
}
