package plan

import (
	"fmt"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/backube/scribe-gen/generator/spec"
)

// times are the limits of a relationship. Each is inside the next, so that the
// one who knows most reports first: a step's own deadline, the engine's limit of
// one attempt, the engine's limit of the run.
//
//	run     spec.timeout                      limit of the source's pipeline
//	slack   run/10, at most 5m                time to start a pod and to report
//	attempt run - slack                       limit of push, listen and copy
//	copied  run/4, at most 1h                 wait for the point-in-time copy
//	cut     run/10, at most 10m               wait for the replica snapshot's cut
//	commit  cut + slack                       wait for the answer to a commit
//	ready   run/4, at most 30m                wait for the snapshot to be ready to use
//	window  attempt - cut - slack, and with a schedule less than its period
//	connect window, at most 10m               wait for the listener
//
// The limit of a step that waits is its wait plus slack. Pruning comes after the
// transfer and has its own time: a pipeline that prunes is limited by run plus
// what pruning may take.
type times struct {
	run, slack, attempt, copied, cut, commit, ready, window, connect time.Duration
	// period is the shortest time between two starts; 0 without a schedule.
	period time.Duration
	// cron is the schedule in five fields, which every engine reads alike.
	cron string
}

func newTimes(s *spec.Spec) (times, error) {
	run, err := time.ParseDuration(s.Timeout)
	if err != nil {
		return times{}, fmt.Errorf("spec.timeout: %w", err)
	}
	if run < time.Minute {
		return times{}, fmt.Errorf("spec.timeout: %s is too short for a run: at least 1m", run)
	}
	t := times{run: run, slack: min(run/10, 5*time.Minute).Round(time.Second)}
	t.attempt = run - t.slack
	t.copied = min(run/4, time.Hour).Round(time.Second)
	t.cut = min(run/10, 10*time.Minute).Round(time.Second)
	t.commit = t.cut + t.slack
	t.ready = min(run/4, 30*time.Minute).Round(time.Second)
	t.window = t.attempt - t.cut - t.slack
	if s.Schedule != nil {
		if t.cron, err = spec.ExpandCron(s.Schedule.Cron); err != nil {
			return times{}, fmt.Errorf("spec.schedule.cron: %w", err)
		}
		if t.period, err = period(t.cron); err != nil {
			return times{}, fmt.Errorf("spec.schedule.cron: %w", err)
		}
		// A listener that found nobody ends a little before the next one is due, so
		// that each period has its own run in the engine's history.
		lead := min(t.period/10, t.slack).Round(time.Second)
		t.window = min(t.window, t.period-lead)
	}
	t.connect = min(t.window, 10*time.Minute)
	return t, nil
}

// pruneStep is the limit of one attempt to prune.
func (t times) pruneStep() time.Duration { return t.ready + t.slack }

// sourceDeadline is how late a missed run may start at the source: little, so
// that a run longer than the period is not followed by another at once.
func (t times) sourceDeadline() time.Duration {
	return min(t.period/2, 5*time.Minute).Round(time.Second)
}

// destinationDeadline is how late a listener may start: its whole window, so that
// one that took longer than the period is followed by the next at once.
func (t times) destinationDeadline() time.Duration { return t.window }

// reference is where counting starts. It is fixed, as a compiler that looked at
// the clock would print something else tomorrow.
var reference = time.Date(2024, time.January, 1, 0, 0, 0, 0, time.UTC)

// starts is how many starts are looked at: beyond the number of distinct gaps of
// any expression in practice.
const starts = 1000

// period returns the shortest time between two starts of the expression. It
// counts in UTC whatever the schedule's time zone, so that the result does not
// depend on the time zone database of the host; the hour that daylight saving
// time takes is within what starting deadlines allow.
func period(expression string) (time.Duration, error) {
	schedule, err := cron.ParseStandard(expression)
	if err != nil {
		return 0, err
	}
	shortest := time.Duration(0)
	last := schedule.Next(reference)
	for range starts {
		next := schedule.Next(last)
		if next.IsZero() {
			break
		}
		if gap := next.Sub(last); shortest == 0 || gap < shortest {
			shortest = gap
		}
		last = next
	}
	if shortest == 0 {
		return 0, fmt.Errorf("%q never starts a run twice", expression)
	}
	return shortest, nil
}
