package transfer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/rsync"
	"github.com/backube/scribe-gen/steps/internal/step"
	"github.com/backube/scribe-gen/steps/internal/survey"
)

// namesShown is how many names of deleted entries an error shows.
const namesShown = 10

// survey has both sides surveyed and decides what rsync is given to look at.
func (t *Transfer) survey(ctx context.Context, list string, report *Report) error {
	if t.place.Survey == nil {
		return nil
	}
	f, err := os.Create(list)
	if err != nil {
		return err
	}
	result, err := survey.Ask(ctx, survey.Question{Root: t.source, Keeps: t.place.Keeps, Live: t.live(), List: f}, t.place.Survey)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	t.env.Log.Info("surveyed", "entries", result.Entries, "bytes", result.Bytes, "directories", result.Directories,
		"differing", result.Differing, "replicaEntries", result.ReplicaEntries, "unlink", result.Unlink)
	t.job.Survey = &result
	report.Totals.Entries, report.Totals.Bytes = result.Entries, result.Bytes
	// Where most differs, recursion is faster than a list. A filter is a question
	// for rsync alone.
	if t.FilterFile == "" && !t.job.Checksum && result.Differing*2 < result.Directories {
		t.job.List = list
	}
	return t.judge(result, report)
}

// judge refuses what cannot be kept, before anything is sent.
func (t *Transfer) judge(r survey.Result, report *Report) error {
	if r.Long != "" {
		return step.Refuse(contract.RefusedPath, "rsync carries paths of at most %d bytes, and the source has one of %d: %.120q…", survey.PathLimit, len(r.Long), r.Long)
	}
	if r.Foreign > 0 {
		report.Warnings = append(report.Warnings, fmt.Sprintf(
			"%d entries have an owner or group that the receiver may not keep (mover.privileges is Restricted): they become %d:%d", r.Foreign, t.place.Keeps.UID, t.place.Keeps.GID))
	}
	if r.UnkeptTotal == 0 {
		return nil
	}
	unkept := describe(r)
	if t.FilterFile != "" { // they may be filtered out; if not, rsync fails
		report.Warnings = append(report.Warnings, unkept)
		return nil
	}
	return step.Refuse(contract.RefusedPrivileges, "%s; nothing was sent: use mover.privileges Owner, or leave them out with filters", unkept)
}

func describe(r survey.Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "the receiver cannot keep %d entries:", r.UnkeptTotal)
	for _, u := range r.Unkept {
		fmt.Fprintf(&b, " %q (%s)", u.Path, u.Why)
	}
	if more := r.UnkeptTotal - int64(len(r.Unkept)); more > 0 {
		fmt.Fprintf(&b, " and %d more", more)
	}
	return b.String()
}

// guardDeletions asks rsync what it would delete when the survey cannot exclude
// that it is too much.
func (t *Transfer) guardDeletions(ctx context.Context) error {
	if !t.limit.Set() || t.place.Empty {
		return nil
	}
	if s := t.job.Survey; s != nil && s.MayDelete <= t.limit.Of(s.ReplicaEntries) {
		return nil
	}
	would, err := t.job.Deletions(ctx, namesShown)
	var exit *rsync.ExitError
	if err != nil && !(errors.As(err, &exit) && exit.Vanished() && t.live()) {
		return fmt.Errorf("find out what the run would delete: %w", t.final(err))
	}
	if s := t.job.Survey; s != nil {
		would.Replica = s.ReplicaEntries
	}
	return t.limit.Deletions(would.Count, would.Replica, would.Names)
}
