package main

import (
	"fmt"

	"github.com/backube/scribe-gen/test/bench/internal/dataset"
	"github.com/backube/scribe-gen/test/bench/internal/report"
)

// storeWorkload is a tree that is published and pulled, then changed, published
// and pulled again.
type storeWorkload struct {
	name, title string
	tree        dataset.Tree
	// change alters the tree, changed says how.
	change  dataset.Change
	changed string
}

// storeWorkloads returns all of them, in the order of the report.
func storeWorkloads() []storeWorkload {
	some := dataset.Append(0.01) // of a few files: one
	return []storeWorkload{
		{
			name: "small", title: "20,000 files of 4 KiB on average", changed: "1 % changed",
			tree: dataset.Tree{Files: 20_000, Size: 4096, Varied: true}, change: some,
		},
		{
			name: "big", title: "2 GiB in 8 files", changed: "one file changed",
			tree: dataset.Tree{Files: 8, Size: 256 << 20}, change: some,
		},
	}
}

// operation is one thing that is measured.
type operation struct {
	what string
	pull bool
	// change says that the source is changed before.
	change bool
}

// operations are what is done to each workload, in order.
var operations = []operation{
	{what: "first push"},
	{what: "push, nothing changed"},
	{what: "first pull", pull: true},
	{what: "pull, nothing changed", pull: true},
	{what: "push", change: true},
	{what: "pull", pull: true},
}

func (o operation) title(w storeWorkload) string {
	switch o.what {
	case "push", "pull":
		return o.what + ", " + w.changed
	}
	return o.what
}

// rows are the empty rows of the report, one an operation.
func (w storeWorkload) rows() []report.Row {
	var rows []report.Row
	for _, o := range operations {
		rows = append(rows, report.Row{Workload: w.title + ": " + o.title(w), Samples: map[string][]report.Sample{}})
	}
	return rows
}

func (w storeWorkload) scaled(scale float64) storeWorkload {
	if scale != 1 {
		w.tree = w.tree.Scaled(scale)
		w.title = fmt.Sprintf("%s (scale %g)", w.title, scale)
	}
	return w
}

// storeCopies is how many copies of the tree there are at the fullest: source,
// store, the parts that the store makes large objects of, and replica.
const storeCopies = 4

func (w storeWorkload) room() int64 { return storeCopies * w.tree.Room() }

func pickStoreWorkloads(names string, scale float64) ([]storeWorkload, error) {
	return pick(storeWorkloads(), names, "workload", func(w storeWorkload) (string, storeWorkload) { return w.name, w.scaled(scale) })
}
