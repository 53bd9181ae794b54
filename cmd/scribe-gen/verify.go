package main

import (
	"context"
	"fmt"
	"math"
	"os"

	"github.com/dustin/go-humanize"

	"github.com/backube/scribe-gen/templates/local"
	"github.com/backube/scribe-gen/tree"
)

// verification is what the comparison of two trees found.
type verification struct {
	Identical bool `json:"identical"`
	// Entries and Bytes were compared; Differences is how many there are.
	Entries     int64 `json:"entries"`
	Bytes       int64 `json:"bytes"`
	Differences int64 `json:"differences"`
}

func (v verification) text() string {
	if v.Identical {
		return fmt.Sprintf("identical: %s entries, %s", humanize.Comma(v.Entries), bytesText(v.Bytes))
	}
	return fmt.Sprintf("%s differences in %s entries", humanize.Comma(v.Differences), humanize.Comma(v.Entries))
}

// shownDifferences is how many differences an error lists.
const shownDifferences = 20

// verify compares what a run has read with what it has published. Without root
// owners are not kept, so they are not compared.
func verify(ctx context.Context, trees local.Trees) (*verification, error) {
	if trees.Digest != "" {
		return verifyDigest(ctx, trees)
	}
	opts := tree.Options{NoOwners: os.Geteuid() != 0, NoLostFound: true, Limit: shownDifferences}
	if trees.Filters != "" {
		opts.Limit = math.MaxInt // most may be what the filters leave out
	}
	report, err := compare(ctx, trees, opts)
	if err == nil && trees.Filters != "" {
		err = dropFiltered(ctx, &report, trees)
	}
	if err != nil {
		return nil, fmt.Errorf("verify: %w", err)
	}
	v := &verification{Identical: report.Equal(), Entries: report.Entries, Bytes: report.Bytes, Differences: report.Total}
	if !v.Identical {
		err = fmt.Errorf("%s differs from %s:\n%s", trees.Replica, trees.Source, report)
	}
	return v, err
}

// compare is tree.Compare that ends with ctx. The comparison itself then goes on
// until it finds the trees gone, or this process ends.
func compare(ctx context.Context, trees local.Trees, opts tree.Options) (tree.Report, error) {
	type result struct {
		report tree.Report
		err    error
	}
	if ctx.Err() != nil {
		return tree.Report{}, context.Cause(ctx)
	}
	done := make(chan result, 1)
	go func() {
		report, err := tree.Compare(trees.Source, trees.Replica, opts)
		done <- result{report, err}
	}()
	select {
	case r := <-done:
		return r.report, r.err
	case <-ctx.Done():
		return tree.Report{}, context.Cause(ctx)
	}
}
