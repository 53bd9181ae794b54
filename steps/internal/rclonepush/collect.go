package rclonepush

import (
	"context"
	"time"

	"github.com/backube/scribe-gen/steps/internal/objectstore"
	"github.com/backube/scribe-gen/steps/internal/retention"
)

// collect removes what no reader and no rule needs any more. It is no part of the
// push: what fails is left to the next one.
func (p *push) collect(ctx context.Context) {
	r := p.args.Retain
	collected, err := p.store.Collect(ctx, objectstore.Collection{
		Policy: retention.Policy{Last: r.Last, Hourly: r.Hourly, Daily: r.Daily, Weekly: r.Weekly, Monthly: r.Monthly},
		Grace:  p.args.Grace, Now: time.Now().UTC(),
	})
	if err != nil {
		p.env.Log.Warn("old generations could not be removed; the next push tries again", "error", err.Error())
		p.report.warn("old generations could not be removed; the next push tries again: %v", err)
		return
	}
	if collected != (objectstore.Collected{}) {
		p.env.Log.Info("removed what is not needed any more", "generations", collected.Generations, "manifests", collected.Manifests,
			"objects", collected.Objects, "bytes", collected.Bytes, "pushes", collected.Pushes, "pins", collected.Pins)
	}
}
