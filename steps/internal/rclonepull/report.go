package rclonepull

import (
	"fmt"

	"github.com/backube/scribe-gen/steps/contract"
)

// report is what a pull did so far.
type report struct {
	totals   contract.Totals
	warnings []string
}

// warn adds a warning to the outcome and logs it.
func (p *pull) warn(format string, args ...any) {
	warning := fmt.Sprintf(format, args...)
	p.report.warnings = append(p.report.warnings, warning)
	p.env.Log.Warn(warning)
}

// outcome is the report of a pull that was not committed.
func (p *pull) outcome() contract.Outcome {
	t := p.report.totals
	return contract.Outcome{
		Generation: p.generation.Number, Digest: p.generation.Digest,
		Bytes: t.Sent, Wire: t.Wire, Total: t.Bytes, Files: t.Files, Entries: t.Entries, Deleted: t.Deleted, Warnings: p.report.warnings,
	}
}

// outcomeOf is the report of a run that was committed before.
func outcomeOf(done *contract.Commit) contract.Outcome {
	if done == nil {
		return contract.Outcome{}
	}
	t := done.Totals
	return contract.Outcome{
		Outcome: contract.ResultDone, Reason: "the run was committed before", RecoveryPoint: &done.RecoveryPoint, Snapshot: done.Snapshot,
		Generation: done.Generation, Digest: done.Digest,
		Bytes: t.Sent, Wire: t.Wire, Total: t.Bytes, Files: t.Files, Entries: t.Entries, Deleted: t.Deleted,
	}
}
