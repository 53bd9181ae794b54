// Package latency tells where the time of a run goes, from its trigger to the
// committed replica snapshot: into starting containers, into the steps' own work,
// or into the engine between them.
package latency

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// Source is the pipeline on whose steps, one after the other, a commit waits.
const Source = "source"

// Step is one pod of a run. Times are since the trigger.
type Step struct {
	// Pipeline is Source or another, Name the step's.
	Pipeline, Name string
	// Created is when the pod was there, Running when its main container ran, Ended
	// when that had ended.
	Created, Running, Ended time.Duration
}

// Run is one run, or the median of several. Times are since the trigger.
type Run struct {
	// Committed is when the replica snapshot was on record, Ended when all pipelines
	// had ended.
	Committed, Ended time.Duration
	Steps            []Step
}

// Median is the run of which every time is the median of the runs' (of an even
// number, the greater of the two in the middle). It has the steps that all runs
// had, in the order of their creation; a step that was tried again has a number.
func Median(runs []Run) Run {
	steps := map[Step][]Step{}
	for _, r := range runs {
		times := map[Step]int{}
		for _, s := range sorted(r.Steps) {
			key := Step{Pipeline: s.Pipeline, Name: s.Name}
			if times[key]++; times[key] > 1 {
				key.Name = fmt.Sprintf("%s %d", s.Name, times[key])
			}
			steps[key] = append(steps[key], s)
		}
	}
	m := Run{
		Committed: median(runs, func(r Run) time.Duration { return r.Committed }),
		Ended:     median(runs, func(r Run) time.Duration { return r.Ended }),
	}
	for s, all := range steps {
		if len(all) < len(runs) {
			continue
		}
		s.Created = median(all, func(s Step) time.Duration { return s.Created })
		s.Running = median(all, func(s Step) time.Duration { return s.Running })
		s.Ended = median(all, func(s Step) time.Duration { return s.Ended })
		m.Steps = append(m.Steps, s)
	}
	m.Steps = sorted(m.Steps)
	return m
}

// sorted are the steps in the order of their creation.
func sorted(steps []Step) []Step {
	return slices.SortedFunc(slices.Values(steps), func(a, b Step) int {
		return cmp.Or(cmp.Compare(a.Created, b.Created), cmp.Compare(a.Pipeline, b.Pipeline), cmp.Compare(a.Name, b.Name))
	})
}

func median[T any](all []T, of func(T) time.Duration) time.Duration {
	if len(all) == 0 {
		return 0
	}
	var values []time.Duration
	for _, x := range all {
		values = append(values, of(x))
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// Share is what a part of the time to the commit was spent on.
type Share struct {
	What string
	Time time.Duration
}

// Shares divide the time to the commit, the greatest first. Each moment counts
// once: as work when a step of the source works, else as start when a pod of one
// starts, else as the engine's.
func (r Run) Shares() []Share {
	work := r.covered(func(s Step) span { return span{s.Running, s.Ended} })
	start := r.covered(func(s Step) span { return span{s.Created, s.Ended} })
	all := []Share{
		{"the steps' own work", work},
		{"starting the steps' containers", start - work},
		{"the engine, before and between the steps", r.Committed - start},
	}
	slices.SortStableFunc(all, func(a, b Share) int { return cmp.Compare(b.Time, a.Time) })
	return all
}

// span is a part of a run.
type span struct{ from, to time.Duration }

// covered is how much of the time to the commit is in the span of a source's step.
func (r Run) covered(spanOf func(Step) span) time.Duration {
	var all []span
	for _, s := range r.Steps {
		if s.Pipeline == Source {
			all = append(all, spanOf(s))
		}
	}
	slices.SortFunc(all, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	var sum, until time.Duration
	for _, s := range all {
		from, to := max(s.from, until), min(s.to, r.Committed)
		if to > from {
			sum, until = sum+to-from, to
		}
	}
	return sum
}

// Verdict says in one sentence what dominates.
func (r Run) Verdict() string {
	shares := r.Shares()
	say := func(s Share) string {
		return fmt.Sprintf("%s (%s, %.0f %%)", s.What, seconds(s.Time), 100*float64(s.Time)/float64(max(r.Committed, 1)))
	}
	return fmt.Sprintf("Of the %s from trigger to committed replica snapshot, most goes into %s; the rest into %s and %s.",
		seconds(r.Committed), say(shares[0]), say(shares[1]), say(shares[2]))
}

// WriteTable prints a row for each step and one for the run, in seconds.
func (r Run) WriteTable(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "PIPELINE\tSTEP\tCREATED\tRUNNING\tENDED\tSTART TOOK\tWORK TOOK")
	for _, s := range r.Steps {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", s.Pipeline, s.Name, seconds(s.Created), seconds(s.Running), seconds(s.Ended),
			seconds(s.Running-s.Created), seconds(s.Ended-s.Running))
	}
	fmt.Fprintf(w, "commit\t\t\t\t%s\t\t\n", seconds(r.Committed))
	fmt.Fprintf(w, "both pipelines\t\t\t\t%s\t\t\n", seconds(r.Ended))
	return w.Flush()
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }
