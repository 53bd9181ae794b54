package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/robfig/cron/v3"
	"github.com/spf13/cobra"

	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/templates/local"
)

const formatTable = "table"

func newStatusCommand(io streams) *cobra.Command {
	var s selection
	output := formatTable
	cmd := &cobra.Command{
		Use:   "status -f SPEC...",
		Short: "Show how old each replica is and when it is renewed",
		Long: `Shows for each relationship the recovery point of its latest committed run and how
old it is, the last run and its result, how many replica snapshots there are, when
the next run is due, and whether pushes are accepted. It reads the records of the
sites and starts nothing.`,
		Example: `  scribe-gen status -f examples/local/replication.yaml
  scribe-gen status -f replication.yaml -o json`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return s.status(io, output, time.Now()) },
	}
	s.addFlags(cmd)
	addChoiceFlag(cmd, &output, "output", "o", "table or json", formatTable, formatJSON)
	return cmd
}

// relationshipStatus is what is known of a relationship.
type relationshipStatus struct {
	Relationship  string     `json:"relationship"`
	RecoveryPoint *time.Time `json:"recoveryPoint,omitempty"`
	AgeSeconds    float64    `json:"ageSeconds,omitempty"`
	// Commit is the latest committed run, LastRun the last one that this host
	// ran, whatever became of it.
	Commit  *contract.Commit `json:"commit,omitempty"`
	LastRun *local.RunRecord `json:"lastRun,omitempty"`
	// Snapshots are the replica snapshots, newest recovery point first.
	Snapshots []contract.SnapshotRecord `json:"snapshots"`
	NextRun   *time.Time                `json:"nextRun,omitempty"`
	// State is active, suspended, paused, promoting or promoted.
	State    string              `json:"state"`
	Promoted *contract.Promotion `json:"promoted,omitempty"`
	Paused   *contract.Pause     `json:"paused,omitempty"`
}

func (s *selection) status(io streams, output string, now time.Time) error {
	targets, err := s.targets(io)
	if err != nil {
		return err
	}
	all := make([]relationshipStatus, 0, len(targets))
	for _, t := range targets {
		status, err := readStatus(io, t, now)
		if err != nil {
			return fmt.Errorf("relationship %s: %w", t.relationship, err)
		}
		all = append(all, status)
	}
	if output == formatJSON {
		return printJSON(io.out, all)
	}
	return printStatus(io, all, now)
}

// readStatus reads what the sites have recorded.
func readStatus(io streams, t target, now time.Time) (relationshipStatus, error) {
	status := relationshipStatus{Relationship: t.relationship}
	parts, err := t.parts("", contract.RoleDestination, contract.RoleSource)
	if err != nil {
		return status, err
	}
	// The destination comes first; within one site there is only one pipeline.
	home := parts[0]
	if _, err := os.Stat(home.Site.Directory); errors.Is(err, fs.ErrNotExist) {
		io.note("site %s has no directory %s yet: nothing was ever replicated there, or it is relative to another working directory", home.Site.Name, home.Site.Directory)
	}
	var state contract.State
	if err := readRecord(home.Layout().State(t.relationship), &state); err != nil {
		return status, err
	}
	status.Commit, status.Promoted, status.Paused = state.Last, state.Promoted, state.Paused
	if state.Last != nil {
		status.RecoveryPoint = &state.Last.RecoveryPoint
		status.AgeSeconds = now.Sub(state.Last.RecoveryPoint).Seconds()
	}
	if status.LastRun, err = lastRun(parts); err != nil {
		return status, err
	}
	if status.Snapshots, err = snapshots(home); err != nil {
		return status, err
	}
	status.State = stateText(state, home.Pipeline.Schedule)
	status.NextRun, err = nextRun(home.Pipeline.Schedule, now)
	return status, err
}

// lastRun is the newest record of the pipelines' last runs.
func lastRun(parts []local.Part) (*local.RunRecord, error) {
	var newest *local.RunRecord
	for _, part := range parts {
		record, err := local.LastRun(part.Site, part.Pipeline)
		if err != nil {
			return nil, err
		}
		if record != nil && (newest == nil || record.Started.After(newest.Started)) {
			newest = record
		}
	}
	return newest, nil
}

// snapshots returns the records of the relationship's replica snapshots.
func snapshots(part local.Part) ([]contract.SnapshotRecord, error) {
	records := []contract.SnapshotRecord{}
	for _, step := range part.Pipeline.Steps {
		prune, ok := step.Command.(*contract.SnapshotPrune)
		if !ok {
			continue
		}
		files, err := os.ReadDir(part.Layout().Snapshots(prune.Claim))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("list replica snapshots: %w", err)
		}
		for _, file := range files {
			// A record without a tree is of a snapshot that is being made or deleted.
			if strings.HasPrefix(file.Name(), ".") {
				continue
			}
			var record contract.SnapshotRecord
			if err := readRecord(part.Layout().SnapshotFile(prune.Claim, file.Name()), &record); err != nil {
				return nil, err
			}
			if record.Relationship == part.Relationship.Name {
				records = append(records, record)
			}
		}
	}
	slices.SortFunc(records, func(a, b contract.SnapshotRecord) int { return b.RecoveryPoint.Compare(a.RecoveryPoint) })
	return records, nil
}

// readRecord reads a JSON file; an absent one leaves v alone.
func readRecord(file string, v any) error {
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(b, v)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	return nil
}

func stateText(s contract.State, schedule *plan.Schedule) string {
	switch {
	case s.Promoted != nil && s.Promoted.Complete:
		return "promoted"
	case s.Promoted != nil:
		return "promoting"
	case s.Paused != nil:
		return "paused"
	case schedule != nil && schedule.Suspend:
		return "suspended"
	}
	return "active"
}

// nextRun is when the schedule starts the next run; nil when nothing does.
func nextRun(s *plan.Schedule, now time.Time) (*time.Time, error) {
	if s == nil || s.Suspend {
		return nil, nil
	}
	zone, err := time.LoadLocation(s.TimeZone)
	if err != nil {
		return nil, fmt.Errorf("schedule: %w", err)
	}
	schedule, err := cron.ParseStandard(s.Cron)
	if err != nil {
		return nil, fmt.Errorf("schedule: %w", err)
	}
	next := schedule.Next(now.In(zone))
	return &next, nil
}

func printStatus(io streams, all []relationshipStatus, now time.Time) error {
	w := tabwriter.NewWriter(io.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "RELATIONSHIP\tRECOVERY POINT\tAGE\tLAST RUN\tRESULT\tSNAPSHOTS\tNEXT RUN\tSTATE")
	for _, s := range all {
		row := []string{s.Relationship, "none", "-", "-", "-", fmt.Sprint(len(s.Snapshots)), "on demand", s.State}
		if s.RecoveryPoint != nil {
			row[1] = s.RecoveryPoint.UTC().Format(time.RFC3339)
			row[2] = ageText(now.Sub(*s.RecoveryPoint))
		}
		if s.LastRun != nil {
			row[3], row[4] = s.LastRun.Run, string(s.LastRun.Result)
		} else if s.Commit != nil {
			row[3], row[4] = s.Commit.Run, string(contract.ResultDone)
		}
		if s.NextRun != nil {
			row[6] = s.NextRun.Format(time.RFC3339)
		}
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	return w.Flush()
}
