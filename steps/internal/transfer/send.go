package transfer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/progress"
	"github.com/backube/scribe-gen/steps/internal/rsync"
	"github.com/backube/scribe-gen/steps/internal/step"
)

// send runs rsync and counts.
func (t *Transfer) send(ctx context.Context, job rsync.Job, report *Report) (rsync.Stats, error) {
	meter := progress.New(t.env, t.ProgressFile, report.Totals.Bytes, 0)
	t.env.Log.Info("transfer starts", "mode", mode(job), "roundTrip", t.place.RoundTrip.Round(time.Microsecond).String())
	stats, err := job.Run(ctx, func(p rsync.Progress) {
		meter.Set(progress.Done{Bytes: p.Bytes, Files: p.Files, Checked: p.Checked, Entries: p.Known, Percent: int64(p.Percent)})
	})
	meter.Last()
	var exit *rsync.ExitError
	if errors.As(err, &exit) && exit.Vanished() && t.live() {
		report.Warnings = append(report.Warnings, "files of the live source vanished while they were read: "+exit.Output)
		err = nil
	}
	if errors.As(err, &exit) && exit.OnlyRoot() && !job.Keeps.Owners {
		report.Warnings = append(report.Warnings, "the root directory of the replica keeps its own mode and times, as it belongs to another user than the mover's")
		err = nil
	}
	totals := &report.Totals
	if job.Survey == nil && job.List == "" {
		totals.Entries, totals.Bytes = stats.Entries, stats.Size
	}
	if stats.Undeletable > 0 {
		report.Warnings = append(report.Warnings, fmt.Sprintf("%d directories are gone from the source but stay at the replica, as they hold what the filters leave out", stats.Undeletable))
	}
	totals.Files += max(stats.Transferred, stats.Created)
	totals.Sent += stats.Sent
	totals.Deleted += stats.Deleted
	return stats, t.final(err)
}

// final makes a refusal of a failure of rsync that a retry cannot mend.
func (t *Transfer) final(err error) error {
	var exit *rsync.ExitError
	switch {
	case !errors.As(err, &exit):
	case exit.InTheWay() && t.FilterFile != "":
		return step.Refuse(contract.RefusedFilter, "what the filters leave at the replica stands in the way of the source: %w; change the filters, or remove it from the replica", err)
	case exit.Permanent():
		return step.Refuse(contract.RefusedRequest, "%w", err)
	}
	return err
}

func mode(job rsync.Job) string {
	switch {
	case job.DeleteMissing:
		return "changed entries"
	case job.IgnoreTimes:
		return "content behind the same size and time"
	case job.List != "":
		return "changed directories"
	case job.Checksum:
		return "whole tree by content"
	}
	return "whole tree"
}
