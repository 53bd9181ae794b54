package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/google/renameio/v2"

	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/steps/contract"
)

// RunRecord is what a site remembers of the last run of a pipeline, whether it
// succeeded or not. In a cluster the engine's own objects tell that.
type RunRecord struct {
	Run      string          `json:"run"`
	Started  time.Time       `json:"started"`
	Finished time.Time       `json:"finished,omitzero"`
	Result   contract.Result `json:"result"`
	Reason   string          `json:"reason,omitempty"`
}

// LastRun returns the record of a pipeline's last run at a site; nil when there
// was none.
func LastRun(site plan.Site, pipeline plan.Pipeline) (*RunRecord, error) {
	b, err := os.ReadFile(recordFile(site, pipeline))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("site %s: read the last run of %s: %w", site.Name, pipeline.Name, err)
	}
	var record RunRecord
	if err := json.Unmarshal(b, &record); err != nil {
		return nil, fmt.Errorf("site %s: the last run of %s in %s: %w", site.Name, pipeline.Name, recordFile(site, pipeline), err)
	}
	return &record, nil
}

func recordFile(site plan.Site, pipeline plan.Pipeline) string {
	return filepath.Join(site.Directory, "state", pipeline.Name+".run.json")
}

// record remembers how the run ended, at every site that took part.
func (r *run) record(failure error) error {
	rec := RunRecord{
		Run: r.req.Run, Started: r.report.Started.UTC(), Finished: r.report.Started.Add(r.report.Duration).UTC(),
		Result: contract.ResultDone,
	}
	var step *StepError
	switch {
	case errors.As(failure, &step) && step.Exit == contract.ExitRefused:
		rec.Result, rec.Reason = contract.ResultRefused, failure.Error()
	case failure != nil:
		rec.Result, rec.Reason = contract.ResultFailed, failure.Error()
	}
	b, err := json.MarshalIndent(rec, "", "  ")
	if err != nil {
		return err
	}
	var errs []error
	for _, part := range r.req.Parts {
		if part.Pipeline.Lock == "" {
			continue // what needs no lock is no run
		}
		file := recordFile(part.Site, part.Pipeline)
		err := os.MkdirAll(filepath.Dir(file), 0o755)
		if err == nil {
			err = renameio.WriteFile(file, append(b, '\n'), 0o644)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("site %s: record the run: %w", part.Site.Name, err))
		}
	}
	return errors.Join(errs...)
}
