// Package transfer makes a replica equal to its source: it asks the guard, has
// both sides surveyed, and runs rsync, whether the replica is behind a
// connection or mounted beside the source.
package transfer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/guard"
	"github.com/backube/scribe-gen/steps/internal/protocol"
	"github.com/backube/scribe-gen/steps/internal/rsync"
	"github.com/backube/scribe-gen/steps/internal/step"
	"github.com/backube/scribe-gen/steps/internal/survey"
	"github.com/backube/scribe-gen/tree"
)

// Place is where the replica is and how it is reached.
type Place struct {
	// Destination, Shell and Env are rsync's; see rsync.Job.
	Destination, Shell string
	Env                []string
	Keeps              protocol.Keeps
	// Survey reaches the replica's half of a survey; nil when there is none.
	Survey survey.Stream
	// Repair is called after the guard and before anything is written: it mends
	// what the survey found. Nil where the receiver does so itself.
	Repair survey.Repair
	// Empty is whether the replica is known to hold nothing.
	Empty     bool
	RoundTrip time.Duration
}

// Transfer is one transfer.
type Transfer struct {
	contract.Transfer
	place  Place
	source string
	limit  guard.Limit
	empty  bool // an empty source is allowed
	env    *step.Env
	job    rsync.Job
}

// New checks the arguments.
func New(env *step.Env, args contract.Transfer, g contract.Guard, source string, place Place) (*Transfer, error) {
	limit, err := guard.ParseLimit(g.MaxDelete)
	if err != nil {
		return nil, step.Usage("--max-delete: %w", err)
	}
	t := &Transfer{Transfer: args, place: place, source: source, limit: limit, empty: g.AllowEmptySource, env: env}
	t.job = rsync.Job{
		Source: source, Destination: place.Destination, Shell: place.Shell, Env: place.Env,
		Keeps: place.Keeps, FilterFile: args.FilterFile, Live: args.Method == contract.MethodDirect, RoundTrip: place.RoundTrip,
		Compress: args.Compress == "Always",
	}
	if args.BandwidthLimit != "" {
		q, err := resource.ParseQuantity(args.BandwidthLimit)
		if err != nil || q.Sign() <= 0 {
			return nil, step.Usage("--bandwidth-limit: %q is not a positive quantity of bytes per second, such as 50Mi", args.BandwidthLimit)
		}
		t.job.BytesPerSecond = q.Value()
	}
	if t.job.Program, err = rsync.Find(args.Rsync); err != nil {
		return nil, step.Usage("%w", err)
	}
	if args.FilterFile != "" {
		if _, err := os.Stat(args.FilterFile); err != nil {
			return nil, step.Usage("--filter-file: %w", err)
		}
	}
	return t, nil
}

// Report is what a transfer did.
type Report struct {
	Totals   contract.Totals
	Warnings []string
}

// Outcome is the report of a transfer that was not committed.
func (r Report) Outcome() contract.Outcome {
	t := r.Totals
	return contract.Outcome{
		Bytes: t.Sent, Wire: t.Wire, Total: t.Bytes, Files: t.Files, Entries: t.Entries, Deleted: t.Deleted, Warnings: r.Warnings,
	}
}

// Committed is the report of a transfer that was committed; the counts are this
// attempt's.
func (r Report) Committed(done protocol.Committed) contract.Outcome {
	out := r.Outcome()
	out.Outcome, out.RecoveryPoint, out.Snapshot = contract.ResultDone, &done.RecoveryPoint, done.Snapshot
	return out
}

// Run makes the replica equal to the source.
func (t *Transfer) Run(ctx context.Context) (Report, error) {
	if err := t.checkSource(); err != nil {
		return Report{}, err
	}
	dir, err := os.MkdirTemp("", "scribe-transfer-")
	if err != nil {
		return Report{}, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	list := filepath.Join(dir, "directories")
	var report Report
	if err := t.survey(ctx, list, &report); err != nil {
		return report, err
	}
	if s := t.job.Survey; s != nil && s.Differing == 0 && !t.place.Empty && t.FilterFile == "" {
		t.env.Log.Info("nothing changed", "entries", s.Entries, "bytes", s.Bytes)
		return report, nil
	}
	if err := t.guardDeletions(ctx); err != nil {
		return report, err
	}
	if t.place.Repair != nil {
		if err := t.place.Repair(ctx); err != nil {
			return report, err
		}
	}
	return report, t.send(ctx, &report)
}

// checkSource stops a run whose source holds nothing: a volume that was not
// mounted looks like that.
func (t *Transfer) checkSource() error {
	empty, err := tree.Empty(t.source)
	if err != nil {
		return fmt.Errorf("look at the source: %w", err)
	}
	if !empty || t.empty {
		return nil
	}
	return step.Refuse(contract.RefusedEmptySource,
		"the source %s is empty, and an empty source would empty the replica: check that the volume is the right one, or allow it with guard.allowEmptySource", t.source)
}

// send runs rsync and counts.
func (t *Transfer) send(ctx context.Context, report *Report) error {
	progress := newProgress(t.env, t.ProgressFile, report.Totals.Bytes)
	t.env.Log.Info("transfer starts", "mode", t.mode(), "roundTrip", t.place.RoundTrip.Round(time.Microsecond).String())
	stats, err := t.job.Run(ctx, progress.update)
	progress.last()
	var exit *rsync.ExitError
	if errors.As(err, &exit) && exit.Vanished() && t.live() {
		report.Warnings = append(report.Warnings, "files of the live source vanished while they were read: "+exit.Output)
		err = nil
	}
	if errors.As(err, &exit) && exit.OnlyRoot() && !t.job.Keeps.Owners {
		report.Warnings = append(report.Warnings, "the root directory of the replica keeps its own mode and times, as it belongs to another user than the mover's")
		err = nil
	}
	if t.job.Survey == nil {
		report.Totals.Entries, report.Totals.Bytes = stats.Entries, stats.Size
	}
	if stats.Undeletable > 0 {
		report.Warnings = append(report.Warnings, fmt.Sprintf("%d directories are gone from the source but stay at the replica, as they hold what the filters leave out", stats.Undeletable))
	}
	report.Totals.Files, report.Totals.Sent, report.Totals.Deleted = max(stats.Transferred, stats.Created), stats.Sent, stats.Deleted
	return t.final(err)
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

// live reports whether the source is the live volume.
func (t *Transfer) live() bool { return t.Method == contract.MethodDirect }

func (t *Transfer) mode() string {
	if t.job.List != "" {
		return "changed directories"
	}
	return "whole tree"
}
