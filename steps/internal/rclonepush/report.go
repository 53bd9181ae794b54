package rclonepush

import (
	"fmt"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/objectstore"
	"github.com/backube/scribe-gen/steps/internal/scan"
)

// report is what a push did so far.
type report struct {
	totals   contract.Totals
	warnings []string
}

func (r *report) warn(format string, args ...any) {
	r.warnings = append(r.warnings, fmt.Sprintf(format, args...))
}

// scanned takes what is to be said of a live source.
func (r *report) scanned(result scan.Result) {
	if result.Vanished > 0 {
		r.warn("%d files of the live source vanished while they were read", result.Vanished)
	}
	if result.Unsteady > 0 {
		r.warn("%d files of the live source changed each time they were read: what was published may be no content that they ever had", result.Unsteady)
	}
}

// outcome is the report of a push that published a generation, or of one that did
// not if done is nil.
func (p *push) outcome(done *objectstore.Generation, reason string) contract.Outcome {
	t := p.report.totals
	out := contract.Outcome{
		Bytes: t.Sent, Total: t.Bytes, Files: t.Files, Entries: t.Entries, Deleted: t.Deleted, Wire: t.Wire, Warnings: p.report.warnings,
	}
	if p.store != nil {
		out.Wire = p.store.Stats().Bytes
	}
	if done != nil {
		out.Outcome, out.Reason = contract.ResultDone, reason
		out.RecoveryPoint, out.Generation, out.Digest = &done.RecoveryPoint, done.Number, done.Digest
	}
	return out
}
