package main

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/backube/scribe-gen/steps/contract"
)

// statusColumn is one column of the table. It is left out when no line has it.
type statusColumn struct {
	name string
	text func(s relationshipStatus, now time.Time) string
	has  func(s relationshipStatus) bool
}

func always(relationshipStatus) bool { return true }

var statusColumns = []statusColumn{
	{"RELATIONSHIP", func(s relationshipStatus, _ time.Time) string { return s.Relationship }, always},
	{"RECOVERY POINT", func(s relationshipStatus, _ time.Time) string {
		if s.RecoveryPoint == nil {
			return "none"
		}
		return s.RecoveryPoint.UTC().Format(time.RFC3339)
	}, always},
	{"AGE", func(s relationshipStatus, now time.Time) string {
		if s.RecoveryPoint == nil {
			return "-"
		}
		return ageText(now.Sub(*s.RecoveryPoint))
	}, always},
	{"GENERATION", func(s relationshipStatus, _ time.Time) string {
		if s.Generation == 0 {
			return "-"
		}
		return fmt.Sprint(s.Generation)
	}, func(s relationshipStatus) bool { return s.Generation > 0 }},
	{"LAG", func(s relationshipStatus, _ time.Time) string {
		if s.LagSeconds == nil {
			return "-"
		}
		return ageText(time.Duration(*s.LagSeconds * float64(time.Second)))
	}, func(s relationshipStatus) bool { return s.LagSeconds != nil }},
	{"LAST RUN", func(s relationshipStatus, _ time.Time) string { run, _ := s.last(); return run }, always},
	{"RESULT", func(s relationshipStatus, _ time.Time) string { _, result := s.last(); return result }, always},
	{"SNAPSHOTS", func(s relationshipStatus, _ time.Time) string { return snapshotsText(s.Snapshots) }, always},
	{"NEXT RUN", func(s relationshipStatus, _ time.Time) string {
		if s.NextRun == nil {
			return "on demand"
		}
		return s.NextRun.Format(time.RFC3339)
	}, always},
	{"STATE", func(s relationshipStatus, _ time.Time) string { return s.State }, always},
}

func printStatus(io streams, all []relationshipStatus, now time.Time) error {
	columns := slices.DeleteFunc(slices.Clone(statusColumns), func(c statusColumn) bool { return !slices.ContainsFunc(all, c.has) })
	row := func(cell func(statusColumn) string) string {
		cells := make([]string, len(columns))
		for i, c := range columns {
			cells[i] = cell(c)
		}
		return strings.Join(cells, "\t")
	}
	w := tabwriter.NewWriter(io.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, row(func(c statusColumn) string { return c.name }))
	for _, s := range all {
		fmt.Fprintln(w, row(func(c statusColumn) string { return c.text(s, now) }))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, s := range all {
		for _, text := range s.Attention {
			io.note("%s: %s", s.Relationship, text)
		}
	}
	return nil
}

// last is the last run and its result.
func (s relationshipStatus) last() (run, result string) {
	switch {
	case s.LastRun != nil:
		return s.LastRun.Run, string(s.LastRun.Result)
	case s.Commit != nil:
		return s.Commit.Run, string(contract.ResultDone)
	}
	return "-", "-"
}

// snapshotsText is how many there are, and how many of them cannot be restored.
func snapshotsText(all []snapshotStatus) string {
	waiting := 0
	for _, s := range all {
		if !s.Ready {
			waiting++
		}
	}
	if waiting == 0 {
		return fmt.Sprint(len(all))
	}
	return fmt.Sprintf("%d, %d not ready", len(all), waiting)
}
