package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
	"github.com/spf13/cobra"

	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/generator/spec"
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
sites, and of Kubernetes sites the runs that the engine still has, however they were
started. It starts nothing.

What goes through an object store has a line for what the source's site published,
and one for each destination, with the generation that each has and how far the
destination lags behind what was published. A destination that found the content
unchanged has the newer recovery point, too, without a new replica snapshot.

What needs somebody - why a run failed, what a run waits for, a schedule that is
suspended in the cluster, a replica snapshot that does not get ready, a site that
does not answer - is told line by line on stderr, and in JSON. What the other sites
know is shown in any case.`,
		Example: `  scribe-gen status -f examples/local/replication.yaml
  scribe-gen status -f replication.yaml -o json`,
		Annotations: map[string]string{exitStatus: `  0   shown
  1   a site could not be read; what the others know was shown
  2   wrong usage or an invalid spec
`},
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return s.status(cmd.Context(), io, output, time.Now()) },
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
	// Generation is that of the object store which was published or pulled last.
	Generation int64 `json:"generation,omitempty"`
	// LagSeconds is how much older the recovery point is than the one that was
	// published last; absent where that is not known.
	LagSeconds *float64 `json:"lagSeconds,omitempty"`
	// Commit is the latest committed run, LastRun the last one that this host or an
	// engine ran, whatever became of it.
	Commit  *contract.Commit `json:"commit,omitempty"`
	LastRun *local.RunRecord `json:"lastRun,omitempty"`
	// Runs are the last run of each end, newest first.
	Runs []runStatus `json:"runs,omitempty"`
	// Snapshots are the replica snapshots, newest recovery point first.
	Snapshots []snapshotStatus `json:"snapshots"`
	NextRun   *time.Time       `json:"nextRun,omitempty"`
	// State is active, suspended, paused, promoting or promoted; unknown when the
	// destination could not be read.
	State    string              `json:"state"`
	Promoted *contract.Promotion `json:"promoted,omitempty"`
	Paused   *contract.Pause     `json:"paused,omitempty"`
	// Attention is what needs somebody, in words.
	Attention []string `json:"attention,omitempty"`
	// Errors are of the sites that could not be read.
	Errors []string `json:"errors,omitempty"`
}

// runStatus is the last run of one end.
type runStatus struct {
	Site string `json:"site"`
	Role string `json:"role"`
	local.RunRecord
	Seconds float64 `json:"durationSeconds,omitempty"`
	// Name is that of the engine's object; empty at local sites.
	Name      string `json:"name,omitempty"`
	Scheduled bool   `json:"scheduled,omitempty"`
}

// snapshotStatus is one replica snapshot.
type snapshotStatus struct {
	contract.SnapshotRecord
	Ready bool `json:"ready"`
}

func (s *selection) status(ctx context.Context, io streams, output string, now time.Time) error {
	targets, err := s.targets(io)
	if err != nil {
		return err
	}
	all := make([]relationshipStatus, 0, len(targets))
	var errs []error
	published := map[*spec.Replication]*contract.Commit{}
	for _, t := range targets {
		ends, err := t.ends("", contract.RoleDestination, contract.RoleSource)
		if err != nil {
			return err
		}
		r := &statusReader{selection: s, io: io, now: now, status: relationshipStatus{
			Relationship: t.relationship, State: stateUnknown, Snapshots: []snapshotStatus{},
		}}
		if err := r.read(ctx, ends); err != nil {
			errs = append(errs, fmt.Errorf("relationship %s: %w", t.relationship, err))
		}
		if t.publisher {
			published[t.document.Replication] = r.status.Commit
		}
		r.status.lag(published[t.document.Replication])
		all = append(all, r.status)
	}
	print := printStatus
	if output == formatJSON {
		print = func(io streams, all []relationshipStatus, _ time.Time) error { return printJSON(io.out, all) }
	}
	return errors.Join(append([]error{print(io, all, now)}, errs...)...)
}

// lag sets how far the relationship is behind what was published.
func (s *relationshipStatus) lag(published *contract.Commit) {
	if published == nil || s.Commit == nil {
		return
	}
	seconds := max(0, published.Current().Sub(s.Commit.Current()).Seconds())
	s.LagSeconds = &seconds
}

// snapshots returns the relationship's replica snapshots at a local site.
func snapshots(part local.Part) ([]snapshotStatus, error) {
	records := []snapshotStatus{}
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
				records = append(records, snapshotStatus{record, true})
			}
		}
	}
	slices.SortFunc(records, func(a, b snapshotStatus) int { return b.RecoveryPoint.Compare(a.RecoveryPoint) })
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
