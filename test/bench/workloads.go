package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/backube/scribe-gen/test/bench/internal/dataset"
)

// workload is a tree, what is done to it and the network between the ends.
type workload struct {
	name, title string
	tree        dataset.Tree
	// change is nil for a first copy into an empty directory; else the replica is
	// in sync with the tree before the change.
	change dataset.Change
	// roundTrip is added to every round trip.
	roundTrip time.Duration
	// flat marks a workload that shows the memory of our own steps, and that no
	// other contender runs.
	flat bool
}

// far is the round trip between two regions of a continent.
const far = 50 * time.Millisecond

// workloads returns all of them, in the order of the report.
func workloads() []workload {
	var (
		big     = dataset.Tree{Files: 8, Size: 256 << 20}
		small   = dataset.Tree{Files: 200_000, Size: 4096, Varied: true}
		million = dataset.Tree{Files: 1_000_000} // empty files: a page each would not fit into memory
		image   = dataset.Tree{Files: 1, Size: 2 << 30}
	)
	return []workload{
		{name: "big", title: "2 GiB in 8 files, first copy", tree: big},
		{name: "small", title: "200,000 files of 4 KiB on average, first copy", tree: small},
		{name: "million", title: "1,000,000 files, 0.1 % changed", tree: million, change: dataset.Append(0.001)},
		{name: "delta", title: "one file of 2 GiB, 1 % of its 4 KiB blocks changed", tree: image, change: dataset.Blocks(0.01)},
		{name: "big-far", title: "2 GiB in 8 files, first copy, 50 ms away", tree: big, roundTrip: far},
		{name: "million-far", title: "1,000,000 files, 0.1 % changed, 50 ms away", tree: million, change: dataset.Append(0.001), roundTrip: far},
		{name: "flat-10k", title: "10,000 files", tree: dataset.Tree{Files: 10_000}, flat: true},
		{name: "flat-200k", title: "200,000 files", tree: dataset.Tree{Files: 200_000}, flat: true},
		{name: "flat-1m", title: "1,000,000 files", tree: dataset.Tree{Files: 1_000_000}, flat: true},
	}
}

// scaled shrinks the workload. Its title then says so.
func (w workload) scaled(scale float64) workload {
	if scale != 1 {
		w.tree = w.tree.Scaled(scale)
		w.title = fmt.Sprintf("%s (scale %g)", w.title, scale)
	}
	return w
}

// copies is how many copies of the tree there are at the fullest: source, replica,
// and of a large changed file the new version that rsync writes beside the old.
func (w workload) copies() int {
	if w.change != nil && w.tree.Files == 1 {
		return 3
	}
	return 2
}

// room is how many bytes the workload takes at its fullest.
func (w workload) room() int64 { return int64(w.copies()) * w.tree.Room() }

// verifiable is the largest number of files whose content is compared after each
// transfer. Above it only names, sizes, times and modes are.
const verifiable = 300_000

// pickWorkloads finds those that names lists, comma-separated, in report order;
// "all" stands for every one.
func pickWorkloads(names string, scale float64) ([]workload, error) {
	return pick(workloads(), names, "workload", func(w workload) (string, workload) { return w.name, w.scaled(scale) })
}

// pick chooses the elements whose name is in the comma-separated list.
func pick[T, R any](all []T, list, kind string, describe func(T) (string, R)) ([]R, error) {
	wanted := map[string]bool{}
	for name := range strings.SplitSeq(list, ",") {
		wanted[strings.TrimSpace(name)] = true
	}
	var chosen []R
	var known []string
	for _, e := range all {
		name, r := describe(e)
		known = append(known, name)
		if wanted[name] || wanted["all"] {
			chosen = append(chosen, r)
		}
		delete(wanted, name)
	}
	delete(wanted, "all")
	for name := range wanted {
		return nil, fmt.Errorf("there is no %s %q; there are %s", kind, name, strings.Join(known, ", "))
	}
	return chosen, nil
}
