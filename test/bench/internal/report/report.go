// Package report turns measurements into tables: on a terminal, in Markdown, and
// in a marked section of a document. It knows nothing of how the measurements
// were made.
package report

import (
	"fmt"
	"slices"
	"time"
)

// Sample is what one transfer cost.
type Sample struct {
	Wall, CPU time.Duration
	// Wire is the bytes that crossed the connection, both directions.
	Wire int64
	// Memory is the resident peaks of all processes of both ends, in bytes.
	Memory int64
	// Push, PushChildren, Listen and ListenChildren are the resident peaks of our
	// own steps and of the programs they drive, in bytes; zero for other
	// contenders.
	Push, PushChildren, Listen, ListenChildren int64
	// Others is how many cores other programs used meanwhile.
	Others float64
	// Requests are those to an object store, by kind; nil where there is none.
	Requests map[string]int64
}

// Row is one workload.
type Row struct {
	// Workload is its title.
	Workload string
	// Samples are the repetitions by contender.
	Samples map[string][]Sample
}

// Report is everything that one run of the bench found.
type Report struct {
	// Ours is the contender that the others are compared with; no ratios are shown
	// when it is not among the contenders.
	Ours string
	// Contenders are the columns, in order.
	Contenders []string
	// Kinds are the kinds of requests to an object store, in the order of their
	// columns; empty where data does not travel through one.
	Kinds []string
	// Rows are the comparisons, in order.
	Rows []Row
	// Flat are the workloads that show how the memory of our own steps depends on
	// the number of files; may be empty.
	Flat []Row
	// Facts say on what and how it was measured.
	Facts []string
}

// metric is one thing that is compared.
type metric struct {
	name   string
	value  func(Sample) float64
	format func(float64) string
}

var (
	wallTime = metric{"wall time", func(s Sample) float64 { return s.Wall.Seconds() }, seconds}
	wire     = metric{"on the wire", func(s Sample) float64 { return float64(s.Wire) }, size}
	memory   = metric{"peak memory", func(s Sample) float64 { return float64(s.Memory) }, size}
	requests = metric{"requests", func(s Sample) float64 { return float64(s.total()) }, count}
)

func cpu(of string) metric {
	return metric{"CPU" + of, func(s Sample) float64 { return s.CPU.Seconds() }, seconds}
}

// total is the number of requests of all kinds.
func (s Sample) total() (n int64) {
	for _, of := range s.Requests {
		n += of
	}
	return n
}

// metrics are what is compared, in the order of the lines.
func (r *Report) metrics() []metric {
	if len(r.Kinds) > 0 {
		return []metric{wallTime, cpu(" of the client"), requests, wire, memory}
	}
	return []metric{wallTime, cpu(", both ends"), wire, memory}
}

// others are the contenders that ours is compared with.
func (r *Report) others() []string {
	if !slices.Contains(r.Contenders, r.Ours) {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(r.Contenders), func(c string) bool { return c == r.Ours })
}

// comparison returns the table of all rows: a line per workload and metric.
func (r *Report) comparison() table {
	t := table{head: []string{"workload", ""}}
	t.head = append(t.head, r.Contenders...)
	for _, other := range r.others() {
		t.head = append(t.head, r.Ours+" / "+other)
	}
	for _, row := range r.Rows {
		for i, m := range r.metrics() {
			title := row.Workload
			if i > 0 {
				title = ""
			}
			t.lines = append(t.lines, append([]string{title, m.name}, r.cells(row, m)...))
		}
	}
	return t
}

// cells are the medians of one metric, then the ratios.
func (r *Report) cells(row Row, m metric) []string {
	var cells []string
	for _, c := range r.Contenders {
		cells = append(cells, dash(median(row.Samples[c], m.value), m.format))
	}
	for _, other := range r.others() {
		ratio := median(row.Samples[r.Ours], m.value) / median(row.Samples[other], m.value)
		cells = append(cells, dash(ratio, proportion))
	}
	return cells
}

// flat returns the table of our own steps' memory.
func (r *Report) flat() table {
	t := table{head: []string{"first copy of", "push", "its children", "listen", "its children"}, numbers: 1}
	columns := []func(Sample) float64{
		func(s Sample) float64 { return float64(s.Push) },
		func(s Sample) float64 { return float64(s.PushChildren) },
		func(s Sample) float64 { return float64(s.Listen) },
		func(s Sample) float64 { return float64(s.ListenChildren) },
	}
	for _, row := range r.Flat {
		line := []string{row.Workload}
		for _, value := range columns {
			line = append(line, dash(median(row.Samples[r.Ours], value), size))
		}
		t.lines = append(t.lines, line)
	}
	return t
}

// requests returns the table of requests by kind: a line per workload and
// contender. Kinds that nobody sent have no column.
func (r *Report) requests() table {
	kinds := slices.DeleteFunc(slices.Clone(r.Kinds), func(kind string) bool {
		return !slices.ContainsFunc(r.Rows, func(row Row) bool { return row.sent(kind) })
	})
	t := table{head: append([]string{"requests by kind", ""}, kinds...)}
	for _, row := range r.Rows {
		for i, c := range r.Contenders {
			title := row.Workload
			if i > 0 {
				title = ""
			}
			line := []string{title, c}
			for _, kind := range kinds {
				line = append(line, dash(median(row.Samples[c], func(s Sample) float64 { return float64(s.Requests[kind]) }), count))
			}
			t.lines = append(t.lines, line)
		}
	}
	return t
}

// sent reports whether anybody sent requests of that kind.
func (row Row) sent(kind string) bool {
	for _, samples := range row.Samples {
		if slices.ContainsFunc(samples, func(s Sample) bool { return s.Requests[kind] > 0 }) {
			return true
		}
	}
	return false
}

// noise is the largest relative distance between the slowest and the fastest
// repetition of any cell, of wall times: what the reader must not take for a
// difference.
func (r *Report) noise() float64 {
	var worst float64
	for _, row := range r.Rows {
		for _, samples := range row.Samples {
			worst = max(worst, spread(samples, wallTime.value))
		}
	}
	return worst
}

// disturbance is the largest number of cores that other programs used during a
// transfer that is compared.
func (r *Report) disturbance() float64 {
	var worst float64
	for _, row := range r.Rows {
		for _, samples := range row.Samples {
			for _, s := range samples {
				worst = max(worst, s.Others)
			}
		}
	}
	return worst
}

// notes are the facts, and what tells how far wall times can be trusted.
func (r *Report) notes() []string {
	notes := slices.Clone(r.Facts)
	if n := r.noise(); n > 0 {
		notes = append(notes, fmt.Sprintf("wall times of repetitions lie at most %.0f %% apart", 100*n))
	}
	if len(r.Rows) > 0 {
		notes = append(notes, fmt.Sprintf("other programs used at most %.1f cores during a transfer", r.disturbance()))
	}
	return notes
}
