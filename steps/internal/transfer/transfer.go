// Package transfer makes a replica equal to its source: it asks the guard, finds
// out what differs, and runs rsync, whether the replica is behind a connection or
// mounted beside the source.
//
// What differs is found by a survey of both sides, or, with an index, by a scan of
// the source alone. That is enough only where it is proven that the replica still
// is what the index says: the destination has recorded the same digest, and no run
// has written since. In every other case both sides are compared, and content that
// may have changed behind the same size and time of modification is compared, too,
// so that the digest that is recorded then is the replica's.
package transfer

import (
	"context"
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
)

// Place is where the replica is and how it is reached.
type Place struct {
	// Destination, Shell and Env are rsync's; see rsync.Job.
	Destination, Shell string
	Env                []string
	Keeps              protocol.Keeps
	// Survey reaches the replica's half of a survey; nil when there is none.
	Survey survey.Stream
	// Begin is called after the guard and before anything is written: it records that
	// the run writes, and mends what the survey found. Nil where the receiver does so
	// itself.
	Begin func(context.Context) error
	// Run is the run, Last what the destination has recorded of those before; neither
	// is known of an ordinary SSH server.
	Run  Run
	Last Last
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
	// Digest is that of the manifest of what the replica now holds; empty when there
	// is no index, or when a live source did not stand still.
	Digest string

	index *index
}

// Outcome is the report of a transfer that was not committed.
func (r Report) Outcome() contract.Outcome {
	t := r.Totals
	return contract.Outcome{
		Bytes: t.Sent, Wire: t.Wire, Total: t.Bytes, Files: t.Files, Entries: t.Entries, Deleted: t.Deleted,
		Digest: r.Digest, Warnings: r.Warnings,
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
	if err := guard.Source(t.source, t.empty); err != nil {
		return Report{}, err
	}
	dir, err := os.MkdirTemp("", "scribe-transfer-")
	if err != nil {
		return Report{}, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	var report Report
	if x := t.openIndex(); x != nil {
		err = t.indexed(ctx, x, dir, &report)
	} else {
		err = t.compare(ctx, dir, list{}, &report)
	}
	return report, err
}

// compare makes the replica equal to the source by a comparison of both. Files
// that are listed to be sent again are compared by content first.
func (t *Transfer) compare(ctx context.Context, dir string, resend list, report *Report) error {
	if err := t.survey(ctx, filepath.Join(dir, "directories"), report); err != nil {
		return err
	}
	s := t.job.Survey
	unchanged := s != nil && s.Differing == 0 && !t.place.Empty && t.FilterFile == "" && !t.job.Checksum
	if unchanged && resend.count == 0 {
		t.env.Log.Info("nothing changed", "entries", s.Entries, "bytes", s.Bytes)
		return nil
	}
	if err := t.guardDeletions(ctx); err != nil {
		return err
	}
	if err := t.begin(ctx); err != nil {
		return err
	}
	if resend.count > 0 {
		again := t.job
		again.List, again.IgnoreTimes = resend.path, true
		if _, err := t.send(ctx, again, report); err != nil || unchanged {
			return err
		}
	}
	_, err := t.send(ctx, t.job, report)
	return err
}

func (t *Transfer) begin(ctx context.Context) error {
	if t.place.Begin == nil {
		return nil
	}
	return t.place.Begin(ctx)
}

// live reports whether the source is the live volume.
func (t *Transfer) live() bool { return t.Method == contract.MethodDirect }
