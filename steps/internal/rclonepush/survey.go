package rclonepush

import (
	"context"
	"fmt"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/objectstore"
	"github.com/backube/scribe-gen/steps/internal/scan"
	"github.com/backube/scribe-gen/tree/manifest"
)

// namesShown is how many names of entries that are gone an error shows.
const namesShown = 10

// surveyed is what a walk that reads no content found out.
type surveyed struct {
	entries, bytes int64
	gone           int64
	names          []string // of some that are gone
	moved          *moved
	store          *objectstore.Store
}

// source is the source as it is scanned, without an index.
func (p *push) source() scan.Source {
	return scan.Source{Root: p.args.Root, Filter: p.filter, Live: p.args.Method == contract.MethodDirect, Log: p.env.Log}
}

// survey compares the names and attributes of the source with the latest
// generation, and asks the guard, before anything is read or uploaded.
func (p *push) survey(ctx context.Context) (*surveyed, error) {
	s := &surveyed{moved: newMoved(), store: p.store}
	b, err := readBeside(p.manifest, s.missing)
	if err != nil {
		return nil, err
	}
	defer b.close()
	total, err := p.source().Run(ctx, scan.Stages{
		Workers: 1,
		Work:    func(context.Context, *scan.Item) error { return nil },
		Emit: func(it *scan.Item) error {
			old, err := b.at(it.Path)
			if err == nil && old != nil && !sameFile(&it.Entry, old) {
				s.remember(old)
			}
			return err
		},
	})
	if err != nil {
		return nil, fmt.Errorf("survey the source: %w", err)
	}
	if err := b.rest(); err != nil {
		return nil, err
	}
	if p.manifest != "" && b.reader.Summary().Digest != p.parent.Digest {
		return nil, fmt.Errorf("%w: it is not that of generation %d", manifest.ErrInvalid, p.parent.Number)
	}
	s.entries, s.bytes = total.Entries, total.Bytes
	p.env.Log.Info("surveyed", "entries", s.entries, "bytes", s.bytes, "gone", s.gone)
	if p.manifest == "" {
		return s, nil
	}
	p.report.totals.Deleted = s.gone
	return s, p.limit.Deletions(s.gone, p.parent.Entries, s.names)
}

// missing takes an entry of the latest generation that the source has no more.
func (s *surveyed) missing(e *manifest.Entry) error {
	s.gone++
	if len(s.names) < namesShown {
		s.names = append(s.names, e.Path)
	}
	s.remember(e)
	return nil
}

// remember keeps in mind where the content of an old entry is.
func (s *surveyed) remember(e *manifest.Entry) {
	if !kept(e) {
		return
	}
	object := e.Object
	if object == "" {
		_, object = s.store.ObjectName(e.Path)
	}
	s.moved.add(e, object)
}

// kept reports whether the entry's content has an object.
func kept(e *manifest.Entry) bool { return e.IsRegular() && e.Layer != "" && !e.Hash.IsZero() }

// sameFile reports whether the entry of a path seems to be what it was. Content
// that was changed in place with the time put back is not noticed, which matters
// little here: it only is not found again elsewhere.
func sameFile(e, old *manifest.Entry) bool {
	return e.IsRegular() && e.Size == old.Size && e.ModTime == old.ModTime && e.Link == old.Link
}
