package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/backube/scribe-gen/steps/contract"
)

func printStatus(io streams, all []relationshipStatus, now time.Time) error {
	w := tabwriter.NewWriter(io.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "RELATIONSHIP\tRECOVERY POINT\tAGE\tLAST RUN\tRESULT\tSNAPSHOTS\tNEXT RUN\tSTATE")
	for _, s := range all {
		row := []string{s.Relationship, "none", "-", "-", "-", snapshotsText(s.Snapshots), "on demand", s.State}
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
