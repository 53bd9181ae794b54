package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/templates/local"
	"github.com/backube/scribe-gen/templates/remote"
)

// statusReader gathers the status of one relationship from its sites.
type statusReader struct {
	*selection
	io     streams
	now    time.Time
	status relationshipStatus
}

const stateUnknown = "unknown"

// resultRunning is the result of a run that has none yet.
const resultRunning contract.Result = "running"

// siteTimeout bounds what a cluster may take to answer all that status asks.
const siteTimeout = 30 * time.Second

// read reads every end; one that fails does not keep the others from being shown.
// The destination comes first; within one site there is only one pipeline.
func (r *statusReader) read(ctx context.Context, ends []end) error {
	var errs []error
	for i := range ends {
		err := r.readEnd(ctx, &ends[i], i == 0)
		if err == nil {
			continue
		}
		r.status.Errors = append(r.status.Errors, err.Error())
		errs = append(errs, err)
	}
	r.status.LastRun = lastRun(r.status.Runs)
	return errors.Join(errs...)
}

// lastRun is the newest of the runs. Both ends of a run begin at about the same
// time: then the source's counts, as its run ID is that of the recovery point.
func lastRun(runs []runStatus) *local.RunRecord {
	slices.SortStableFunc(runs, func(a, b runStatus) int { return b.Started.Compare(a.Started) })
	if len(runs) == 0 {
		return nil
	}
	for i := range runs {
		if runs[i].Role == contract.RoleSource && runs[0].Started.Sub(runs[i].Started) < time.Minute {
			return &runs[i].RunRecord
		}
	}
	return &runs[0].RunRecord
}

// readEnd reads what one site has recorded; home is where the replica is.
func (r *statusReader) readEnd(ctx context.Context, e *end, home bool) (err error) {
	if home {
		if r.status.NextRun, err = nextRun(e.Pipeline.Schedule, r.now); err != nil {
			return err
		}
	}
	if e.isLocal() {
		return r.readHere(e, home)
	}
	if err := r.session(r.io, e); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, siteTimeout, fmt.Errorf("no answer within %s", siteTimeout))
	defer cancel()
	return r.readThere(ctx, e, home)
}

// readHere reads a directory.
func (r *statusReader) readHere(e *end, home bool) error {
	record, err := local.LastRun(e.Site, e.Pipeline)
	if err != nil {
		return err
	}
	if record != nil {
		r.status.Runs = append(r.status.Runs, runStatus{
			Site: e.Site.Name, Role: e.Pipeline.Role, RunRecord: *record, Seconds: record.Finished.Sub(record.Started).Seconds(),
		})
	}
	if !home {
		return nil
	}
	if _, err := os.Stat(e.Site.Directory); errors.Is(err, fs.ErrNotExist) {
		r.io.note("site %s has no directory %s yet: nothing was ever replicated there, or it is relative to another working directory", e.Site.Name, e.Site.Directory)
	}
	var state contract.State
	if err := readRecord(e.Layout().State(e.Relationship.Name), &state); err != nil {
		return err
	}
	r.state(state, e)
	r.status.Snapshots, err = snapshots(e.Part)
	return err
}

// state takes over what the destination remembers.
func (r *statusReader) state(state contract.State, e *end) {
	s := &r.status
	s.Commit, s.Promoted, s.Paused = state.Last, state.Promoted, state.Paused
	if state.Last != nil {
		current := state.Last.Current()
		s.RecoveryPoint, s.Generation = &current, state.Last.Generation
		s.AgeSeconds = r.now.Sub(current).Seconds()
	}
	s.State = stateText(state, e.Pipeline.Schedule)
}

// readThere reads a namespace.
func (r *statusReader) readThere(ctx context.Context, e *end, home bool) error {
	if home {
		if err := r.readReplica(ctx, e); err != nil {
			return err
		}
	}
	all, err := e.session.Engine.List(ctx, e.Relationship.Name)
	if err != nil {
		return e.session.Failed("list", "runs", err)
	}
	for _, run := range all {
		if run.Role == e.Pipeline.Role && run.Step == "" {
			r.run(e, run)
			break
		}
	}
	return r.schedule(ctx, e)
}

func (r *statusReader) readReplica(ctx context.Context, e *end) error {
	state, err := e.session.State(ctx, e.Relationship.Name)
	if err != nil {
		return err
	}
	r.state(state, e)
	found, err := e.session.ReplicaSnapshots(ctx, e.Relationship.Name)
	if err != nil {
		return err
	}
	for _, snapshot := range found {
		r.status.Snapshots = append(r.status.Snapshots, snapshotStatus{snapshot.SnapshotRecord, snapshot.Ready})
		if snapshot.Problem != "" {
			r.attention("replica snapshot %s is not ready: %s", snapshot.Name, snapshot.Problem)
		}
	}
	return nil
}

func (r *statusReader) attention(format string, args ...any) {
	r.status.Attention = append(r.status.Attention, fmt.Sprintf(format, args...))
}

// run takes over the last run of an end.
func (r *statusReader) run(e *end, run remote.Run) {
	s := runStatus{
		Site: e.Site.Name, Role: run.Role, Name: run.Name, Scheduled: run.Scheduled,
		RunRecord: local.RunRecord{Run: run.ID, Started: run.Started, Finished: run.Finished},
	}
	if s.Started.IsZero() {
		s.Started = run.Submitted
	}
	end := run.Finished
	if end.IsZero() {
		end = r.now
	}
	s.Seconds = end.Sub(s.Started).Seconds()
	switch run.Phase {
	case remote.Succeeded:
		s.Result = contract.ResultDone
	case remote.Failed:
		s.Result, s.Reason = failureOf(run)
		r.attention("%s run %s at site %s: %s: %s", s.Role, s.Name, s.Site, s.Result, s.Reason)
	default:
		s.Result = resultRunning
		if s.Reason = run.Waiting(); s.Reason != "" {
			r.attention("%s run %s at site %s waits since %s: %s", s.Role, s.Name, s.Site, s.Started.UTC().Format(time.RFC3339), s.Reason)
		}
	}
	r.status.Runs = append(r.status.Runs, s)
}

// failureOf says why a run failed.
func failureOf(run remote.Run) (contract.Result, string) {
	step := run.FailedStep()
	if step == nil {
		return contract.ResultFailed, run.Message
	}
	result := contract.ResultFailed
	if step.Exit == contract.ExitRefused {
		result = contract.ResultRefused
	}
	return result, "step " + step.Name + ": " + step.Message
}

// schedule looks at what the cluster makes of the schedule: somebody may have
// suspended it there, or never applied it.
func (r *statusReader) schedule(ctx context.Context, e *end) error {
	if e.Pipeline.Schedule == nil {
		return nil
	}
	schedule, err := e.session.Engine.Schedule(ctx, e.Pipeline.Name)
	if err != nil {
		return e.session.Failed("get", "schedule "+e.Pipeline.Name, err)
	}
	switch {
	case schedule == nil:
		r.attention("site %s has no schedule %s: its bundle is not applied, or was without it", e.Site.Name, e.Pipeline.Name)
		r.status.NextRun = nil
	case schedule.Suspended:
		if !e.Pipeline.Schedule.Suspend {
			r.attention("schedule %s at site %s is suspended in the cluster", e.Pipeline.Name, e.Site.Name)
		}
		if r.status.State == "active" {
			r.status.State = "suspended"
		}
		r.status.NextRun = nil
	case schedule.Problem != "":
		r.attention("schedule %s at site %s: %s", e.Pipeline.Name, e.Site.Name, schedule.Problem)
	}
	return nil
}
