package transfer

import (
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/backube/scribe-gen/steps/internal/protocol"
	"github.com/backube/scribe-gen/steps/internal/scan"
	"github.com/backube/scribe-gen/tree/filter"
	"github.com/backube/scribe-gen/tree/manifest"
)

// compareEvery is how long only changes are sent before all of the replica is
// compared again, in case that somebody else wrote to it.
const compareEvery = 24 * time.Hour

// Last is what the destination has recorded.
type Last struct {
	// Run is the latest committed run, empty before the first; Digest is that of its
	// manifest, if it had one.
	Run, Digest string
	// Changed is whether a run that was not committed may have changed the replica
	// since.
	Changed bool
}

// Run says which run a transfer is of.
type Run struct {
	Relationship, Run string
	RecoveryPoint     time.Time
}

// index is the source's memory of the last run, for one transfer.
type index struct {
	source scan.Source
	record *scan.Record // nil when there is none
	result scan.Result
	// exact is whether the record is of what the destination has recorded, related
	// whether it is at least of the same run, which had no digest.
	exact, related bool
}

// openIndex finds out what the index is worth; nil when there is none to use.
func (t *Transfer) openIndex() *index {
	if t.Index == "" {
		return nil
	}
	if t.place.Run.Run == "" {
		t.env.Log.Warn("the index is not used: an ordinary SSH server records nothing to compare it with")
		return nil
	}
	rules, terms, err := t.terms()
	if err != nil {
		t.env.Log.Warn("the index is not used: the filters are for rsync alone", "error", err.Error())
		return nil
	}
	label := scan.Label{Relationship: t.place.Run.Relationship, Run: t.place.Run.Run, Terms: terms, Compared: time.Now().Unix()}
	last := t.place.Last
	x := &index{source: scan.Source{
		Root: t.source, Filter: rules, Live: t.live(), At: t.place.Run.RecoveryPoint, Index: t.Index,
		Want: scan.Want{Digest: last.Digest, Run: last.Run}, Log: t.env.Log,
	}}
	x.record = scan.Peek(t.Index, x.source.Want, t.env.Log)
	if r := x.record; r != nil && r.Relationship == label.Relationship && r.Terms == terms && !t.place.Empty {
		x.exact = last.Digest != "" && r.Digest == last.Digest
		x.related = x.exact || last.Digest == "" && last.Run != "" && r.Run == last.Run
		if x.exact && time.Since(time.Unix(r.Compared, 0)) < compareEvery {
			label.Compared = r.Compared
		}
	}
	x.source.Label = label
	return x
}

// due reports whether all of the replica is to be compared again.
func (x *index) due() bool { return x.record == nil || x.source.Label.Compared != x.record.Compared }

// terms reads the filters, and returns a word for all that decides what of the
// source the replica has.
func (t *Transfer) terms() (*filter.Filter, string, error) {
	terms := struct {
		Keeps  protocol.Keeps
		Filter string
	}{Keeps: t.place.Keeps}
	var rules *filter.Filter
	if t.FilterFile != "" {
		f, err := os.Open(t.FilterFile)
		if err != nil {
			return nil, "", err
		}
		defer func() { _ = f.Close() }()
		sum, _, err := manifest.HashOf(f)
		if err != nil {
			return nil, "", err
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return nil, "", err
		}
		if rules, err = filter.Parse(f); err != nil {
			return nil, "", err
		}
		terms.Filter = sum.String()
	}
	text, err := json.Marshal(terms)
	return rules, string(text), err
}

func (x *index) digest() string {
	if x.record == nil {
		return ""
	}
	return x.record.Digest
}

// Acknowledge keeps the index of a run that is committed, for the next one.
func (r Report) Acknowledge(log *slog.Logger) {
	if r.index == nil {
		return
	}
	if err := r.index.result.Keep(); err != nil {
		log.Warn("the index could not be kept: the next run compares everything", "error", err.Error())
	}
}
