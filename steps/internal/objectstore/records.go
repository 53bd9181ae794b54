package objectstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/rclone/rclone/fs"
	"golang.org/x/sync/errgroup"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/step"
)

// recordName is where the record of a generation is.
func recordName(number int64) string { return fmt.Sprintf("%s/%08d%s", dirRecords, number, jsonSuffix) }

// record is a record that a listing showed.
type record struct {
	number int64
	object fs.Object
}

// records lists the records, newest first, without reading them.
func (s *Store) records(ctx context.Context) ([]record, error) {
	objects, err := s.named(ctx, dirRecords, jsonSuffix)
	if err != nil {
		return nil, err
	}
	found := make([]record, 0, len(objects))
	for name, o := range objects {
		number, err := strconv.ParseInt(name, 10, 64)
		if err == nil && number > 0 {
			found = append(found, record{number, o})
		}
	}
	slices.SortFunc(found, func(a, b record) int { return cmp.Compare(b.number, a.number) })
	return found, nil
}

// readRecord reads a record that was listed; the error wraps ErrGone when it
// was removed since.
func (s *Store) readRecord(ctx context.Context, r record) (*Generation, error) {
	var g Generation
	if err := s.decode(ctx, r.object, &g); err != nil {
		return nil, err
	}
	return &g, s.checkRecord(g, r.number)
}

// checkRecord refuses what is not ours to understand.
func (s *Store) checkRecord(g Generation, number int64) error {
	ours := s.config.Replication
	switch {
	case g.Format != Format:
		return step.Refuse(contract.RefusedVersion, "%s in %s has format %d: this release knows format %d; use the release that wrote it, or a newer one",
			recordName(number), s.name, g.Format, Format)
	case g.Number != number || !isComponent(g.Name):
		return fmt.Errorf("%s in %s is of generation %d with the name %q: it was not written there", recordName(number), s.name, g.Number, g.Name)
	case ours != "" && g.Replication != ours:
		return step.Refuse(contract.RefusedStore, "%s holds the generations of replication %q, not of %q: give each replication its own path",
			s.name, g.Replication, ours)
	}
	return nil
}

// Latest returns the newest generation. The error wraps ErrNoGeneration when
// there is none yet.
func (s *Store) Latest(ctx context.Context) (*Generation, error) {
	// The newest that was listed can go only when a newer one is there.
	const tries = 5
	var err error
	for range tries {
		var found []record
		if found, err = s.records(ctx); err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("%s: nothing was published there yet: %w", s.name, ErrNoGeneration)
		}
		var g *Generation
		if g, err = s.readRecord(ctx, found[0]); !errors.Is(err, ErrGone) {
			return g, err
		}
	}
	return nil, err
}

// Generation returns a generation by its number. The error wraps
// ErrNoGeneration when it is not there.
func (s *Store) Generation(ctx context.Context, number int64) (*Generation, error) {
	if _, err := s.list(ctx, dirRecords); err != nil {
		return nil, err // tells an absent bucket from an absent record
	}
	var g Generation
	err := s.readJSON(ctx, recordName(number), &g)
	if errors.Is(err, ErrGone) {
		return nil, fmt.Errorf("%s: generation %d was never published or was collected: %w", s.name, number, ErrNoGeneration)
	}
	if err != nil {
		return nil, err
	}
	return &g, s.checkRecord(g, number)
}

// Generations returns all generations, newest first. Those that are removed
// meanwhile are left out.
func (s *Store) Generations(ctx context.Context) ([]Generation, error) {
	found, err := s.records(ctx)
	if err != nil {
		return nil, err
	}
	read := make([]*Generation, len(found))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(s.Transfers())
	for i, r := range found {
		group.Go(func() error {
			g, err := s.readRecord(ctx, r)
			if errors.Is(err, ErrGone) {
				return nil
			}
			read[i] = g
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var all []Generation
	for _, g := range read {
		if g != nil {
			all = append(all, *g)
		}
	}
	return all, nil
}
