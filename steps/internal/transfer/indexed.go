package transfer

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/backube/scribe-gen/steps/internal/scan"
)

// indexed makes the replica equal to the source with the help of an index: by
// what changed alone where that is proven to be enough.
func (t *Transfer) indexed(ctx context.Context, x *index, dir string, report *Report) error {
	t.env.Log.Info("index", "of", cmp.Or(x.digest(), "none"), "recorded", cmp.Or(t.place.Last.Digest, "none"), "exact", x.exact, "replicaChanged", t.place.Last.Changed)
	var err error
	if x.related {
		err = t.changed(ctx, x, dir, report)
	} else {
		err = t.unrelated(ctx, x, dir, report)
	}
	if err != nil {
		return err // what was scanned is kept aside, and tells the next attempt what need not be read
	}
	report.index = x
	report.Totals.Entries, report.Totals.Bytes = x.result.Entries, x.result.Bytes
	if still, err := t.still(ctx, x); err != nil || !still {
		return err
	}
	report.Digest = x.result.Digest
	return nil
}

// unrelated compares everything while the source is scanned, as the index tells
// nothing of the replica. What earlier runs left there, committed or killed, may hide
// other content behind the same size and time, so that of a copy is compared, too.
func (t *Transfer) unrelated(ctx context.Context, x *index, dir string, report *Report) error {
	t.job.Checksum = !t.place.Empty && !t.live()
	t.env.Log.Info("full comparison: the index is not that of the replica", "content", t.job.Checksum)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		x.result, err = x.source.Run(ctx, scan.Stages{})
		return err
	})
	g.Go(func() error { return t.compare(ctx, dir, list{}, report) })
	return g.Wait()
}

// changed scans the source, and sends what differs from the index.
func (t *Transfer) changed(ctx context.Context, x *index, dir string, report *Report) error {
	c := &changes{keeps: t.place.Keeps, uncertain: t.place.Last.Changed || !x.exact}
	var err error
	if c.differing, err = newList(filepath.Join(dir, "changes")); err != nil {
		return err
	}
	if c.resend, err = newList(filepath.Join(dir, "resend")); err != nil {
		return err
	}
	defer c.differing.file.Close()
	defer c.resend.file.Close()
	began := time.Now()
	if x.result, err = x.source.Run(ctx, c.stages()); err != nil {
		return err
	}
	incomplete := c.complete(&x.result)
	for _, l := range []*list{&c.differing, &c.resend} {
		if err := l.close(); err != nil {
			return fmt.Errorf("write the list of changes: %w", err)
		}
	}
	t.env.Log.Info("scanned", "entries", x.result.Entries, "bytes", x.result.Bytes, "differing", c.entries, "gone", c.gone,
		"read", x.result.Read, "readBytes", x.result.ReadBytes, "seconds", time.Since(began).Seconds())
	if why := t.whyNot(x, c, incomplete); why != "" {
		t.env.Log.Info("full comparison: "+why, "resend", c.resend.count)
		return t.compare(ctx, dir, c.resend, report)
	}
	return t.only(ctx, x, c, report)
}

// whyNot says why sending the changes would not be enough, or would not be
// faster; empty if it is enough.
func (t *Transfer) whyNot(x *index, c *changes, incomplete error) string {
	switch {
	case t.place.Last.Changed:
		return "a run that was not committed has changed the replica"
	case !x.exact:
		return "the digest of the replica is not known"
	case x.result.Last == nil || x.result.Last.Sum != x.record.Sum:
		return "the index was replaced meanwhile"
	case x.due():
		return "the last one is long ago"
	case incomplete != nil:
		return incomplete.Error()
	case c.separated && c.links.odd:
		return "special files that were one are several"
	case c.entries > x.result.Entries/2:
		return "most of it changed"
	}
	return ""
}

// only sends the changes, without a question to the destination.
func (t *Transfer) only(ctx context.Context, x *index, c *changes, report *Report) error {
	report.Totals.Bytes = x.result.Bytes // what progress is measured by
	if err := t.judge(c.facts, report); err != nil {
		return err
	}
	if c.nothing() {
		t.env.Log.Info("nothing changed", "entries", x.result.Entries, "bytes", x.result.Bytes)
		return nil
	}
	if err := t.limit.Deletions(c.gone, x.record.Entries, c.names); err != nil {
		return err
	}
	if err := t.begin(ctx); err != nil {
		return err
	}
	t.env.Log.Info("only changes are sent", "entries", c.entries, "gone", c.gone, "listed", c.differing.count, "hidden", c.hidden, "separated", c.separated)
	c.facts.Largest, c.facts.Sparse, c.facts.ReplicaEntries = c.largest, c.sparse, x.record.Entries
	job := t.job
	job.Survey, job.List, job.DeleteMissing = &c.facts, c.differing.path, true
	job.IgnoreTimes, job.Fresh = c.hidden || c.separated, c.separated
	stats, err := t.send(ctx, job, report)
	if err == nil && !t.live() && stats.Deleted > c.gone+c.replaced {
		return fmt.Errorf("rsync deleted %d entries of the replica, and the source lost %d: it was not there all the time; the next attempt compares everything", stats.Deleted, c.gone)
	}
	return err
}

// still reports whether the replica is now what was scanned.
func (t *Transfer) still(ctx context.Context, x *index) (bool, error) {
	if !t.live() {
		return true, nil
	}
	if !x.related && !t.place.Empty {
		t.env.Log.Info("no digest: content of the replica may differ behind the same size and time")
		return false, nil
	}
	still, err := x.source.Still(ctx, &x.result)
	if err == nil && !still {
		t.env.Log.Info("no digest: the live source changed meanwhile")
	}
	return still, err
}
