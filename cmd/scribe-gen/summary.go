package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/templates/local"
)

// runSummary is what became of a run, for people and for programs.
type runSummary struct {
	Relationship string `json:"relationship"`
	Run          string `json:"run"`
	// Result is done, nothing, failed or refused.
	Result contract.Result `json:"result"`
	Reason string          `json:"reason,omitempty"`
	// Code names a refusal.
	Code          contract.Refusal `json:"code,omitempty"`
	RecoveryPoint *time.Time       `json:"recoveryPoint,omitempty"`
	Seconds       float64          `json:"durationSeconds"`
	// Files of Entries were created or changed, Bytes of Total were sent. Wire is
	// what crossed the connection, both ways.
	Files   int64 `json:"files"`
	Entries int64 `json:"entries"`
	Deleted int64 `json:"deleted"`
	Bytes   int64 `json:"bytes"`
	Total   int64 `json:"total"`
	Wire    int64 `json:"wire"`
	// Speedup is Total divided by Wire.
	Speedup  float64 `json:"speedup,omitempty"`
	Snapshot string  `json:"snapshot,omitempty"`
	// Generation is that of the object store; Digest identifies the tree.
	Generation int64         `json:"generation,omitempty"`
	Digest     string        `json:"digest,omitempty"`
	Method     string        `json:"copyMethod,omitempty"`
	Warnings   []string      `json:"warnings,omitempty"`
	Steps      []stepSummary `json:"steps"`
	Verified   *verification `json:"verified,omitempty"`
}

type stepSummary struct {
	Site     string  `json:"site"`
	Step     string  `json:"step"`
	Attempts int     `json:"attempts"`
	Seconds  float64 `json:"durationSeconds"`
	Error    string  `json:"error,omitempty"`
}

// summarize gathers what the steps of a run said last.
func summarize(r *local.Report, failure error) runSummary {
	s := runSummary{Relationship: r.Relationship, Run: r.Run, Result: contract.ResultDone, Seconds: r.Duration.Seconds()}
	for _, step := range r.Steps {
		s.Steps = append(s.Steps, summarizeStep(step))
		s.add(step.Outcome)
	}
	if s.Wire > 0 {
		s.Speedup = float64(s.Total) / float64(s.Wire)
	}
	if failure != nil {
		s.fail(r, failure)
	}
	return s
}

func summarizeStep(step local.StepReport) stepSummary {
	s := stepSummary{Site: step.Site, Step: step.Step, Attempts: step.Attempts, Seconds: step.Duration.Seconds()}
	if step.Err != nil {
		s.Error = step.Err.Error()
	}
	return s
}

// add takes over what one step said. The mover's numbers count; the listener's
// do where there is no other.
func (s *runSummary) add(o contract.Outcome) {
	s.Warnings = append(s.Warnings, o.Warnings...)
	switch o.Step {
	case "snapshot create":
		s.Method = o.Method
		s.RecoveryPoint = first(s.RecoveryPoint, o.RecoveryPoint)
	case "rsync push", "rsync copy", "rclone push", "rclone pull":
		s.numbers(o)
	case "rsync listen":
		if s.Entries == 0 {
			s.numbers(o)
		}
	}
}

func (s *runSummary) numbers(o contract.Outcome) {
	s.RecoveryPoint = first(o.RecoveryPoint, s.RecoveryPoint)
	s.Files, s.Entries, s.Deleted = o.Files, o.Entries, o.Deleted
	s.Bytes, s.Total, s.Wire = o.Bytes, o.Total, o.Wire
	s.Generation, s.Digest = o.Generation, o.Digest
	if o.Snapshot != "" {
		s.Snapshot = o.Snapshot
	}
	if o.Outcome == contract.ResultNothing {
		s.Result, s.Reason = o.Outcome, o.Reason
	}
}

// recorded takes over what the destination recorded of the run, where the steps'
// own last words were not heard.
func (s *runSummary) recorded(c *contract.Commit) {
	if c == nil || c.Run != s.Run || s.Snapshot != "" || s.Result != contract.ResultDone {
		return
	}
	s.RecoveryPoint, s.Snapshot = first(s.RecoveryPoint, &c.RecoveryPoint), c.Snapshot
	s.Generation, s.Digest = c.Generation, c.Digest
	if s.Entries == 0 {
		s.Files, s.Entries, s.Deleted = c.Totals.Files, c.Totals.Entries, c.Totals.Deleted
		s.Bytes, s.Total, s.Wire = c.Totals.Sent, c.Totals.Bytes, c.Totals.Wire
	}
}

func first(times ...*time.Time) *time.Time {
	for _, t := range times {
		if t != nil {
			return t
		}
	}
	return nil
}

// fail says why the run failed.
func (s *runSummary) fail(r *local.Report, failure error) {
	s.Result, s.Reason = contract.ResultFailed, failure.Error()
	if s.Snapshot == "" {
		s.RecoveryPoint = nil // none was published
	}
	var step *local.StepError
	if !errors.As(failure, &step) {
		return
	}
	if step.Exit == contract.ExitRefused {
		s.Result = contract.ResultRefused
	}
	for _, report := range r.Steps {
		if report.Step == step.Step && report.Site == step.Site {
			s.Code = report.Outcome.Code
		}
	}
}

// printRuns prints the summaries: as blocks of lines, or as one JSON object.
func printRuns(io streams, output string, runs []runSummary) error {
	if output == formatJSON {
		if runs == nil {
			runs = []runSummary{}
		}
		return printJSON(io.out, struct {
			Runs []runSummary `json:"runs"`
		}{runs})
	}
	for i, run := range runs {
		if i > 0 {
			if _, err := fmt.Fprintln(io.out); err != nil {
				return err
			}
		}
		if err := run.print(io.out); err != nil {
			return fmt.Errorf("print the summary: %w", err)
		}
	}
	return nil
}

func (s runSummary) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%s\t%s\n", name, fmt.Sprintf(format, args...))
	}
	row("relationship", "%s", s.Relationship)
	row("run", "%s", s.Run)
	row("result", "%s", resultText(s.Result, s.Code))
	if s.RecoveryPoint != nil {
		row("recovery point", "%s", pointText(*s.RecoveryPoint))
	}
	if s.Result == contract.ResultNothing {
		row("reason", "%s", s.Reason)
	}
	row("duration", "%s", secondsText(s.Seconds))
	if s.Entries > 0 {
		row("sent", "%s of %s entries, %s of %s", humanize.Comma(s.Files), humanize.Comma(s.Entries), bytesText(s.Bytes), bytesText(s.Total))
		row("deleted", "%s entries", humanize.Comma(s.Deleted))
	}
	if s.Wire > 0 {
		row("on the wire", "%s, speedup %.1f", bytesText(s.Wire), s.Speedup)
	}
	if s.Generation > 0 {
		row("generation", "%d", s.Generation)
	}
	if s.Snapshot != "" {
		row("replica snapshot", "%s", s.Snapshot)
	}
	if s.Verified != nil {
		row("verified", "%s", s.Verified.text())
	}
	for _, warning := range s.Warnings {
		row("warning", "%s", warning)
	}
	return w.Flush()
}

func resultText(r contract.Result, code contract.Refusal) string {
	if code == "" {
		return string(r)
	}
	return fmt.Sprintf("%s (%s)", r, code)
}

// pointText is a recovery point, in UTC.
func pointText(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

func secondsText(s float64) string {
	return time.Duration(s * float64(time.Second)).Round(time.Millisecond).String()
}

// printJSON prints a value as indented JSON.
func printJSON(out io.Writer, v any) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return fmt.Errorf("print JSON: %w", err)
	}
	return nil
}
