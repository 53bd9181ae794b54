package objectstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/backube/scribe-gen/steps/internal/retention"
	"github.com/backube/scribe-gen/tree/manifest"
)

// Collection says what may go.
type Collection struct {
	// Policy keeps generations by their recovery points. Those with the same
	// manifest count as one, with the newest recovery point among them.
	Policy retention.Policy
	// Grace is how long a generation stays after the next one was committed, for
	// readers that cannot pin it, and how long a push that does not say that it
	// is at work may come back.
	Grace time.Duration
	// Now is the time.
	Now time.Time
}

// Collected counts what went.
type Collected struct {
	// Generations are records, Manifests those of which no record was left.
	Generations, Manifests int
	// Objects are those of content, and Bytes what they held as far as manifests
	// say so.
	Objects, Bytes int64
	// Pushes are those that were given up, Pins those whose time was over.
	Pushes, Pins int
}

// Collect removes what no rule keeps. The latest generation always stays; so do
// those that were superseded within the grace period, those that readers have
// pinned, those that pushes under way build on, and every object that a kept
// manifest refers to. Of the generations with the same manifest, that of the
// newest recovery point stands for all once their grace is over.
//
// First the records go, so that nobody chooses such a generation any more, then
// the objects, then the manifest: until that has gone, a later Collect finds
// what a killed one left. It may run while others push, pull and collect. Its
// memory grows with what it removes and not with what stays.
func (s *Store) Collect(ctx context.Context, c Collection) (Collected, error) {
	var done Collected
	held, err := s.inventory(ctx)
	if err != nil {
		return done, err
	}
	plan := held.plan(c)
	for _, pin := range plan.pins {
		if err := s.remove(ctx, readerName(pin)); err != nil {
			return done, err
		}
		done.Pins++
	}
	// A marker without a record then always means a push that did not commit.
	for _, push := range plan.committed {
		if err := s.Done(ctx, push); err != nil {
			return done, err
		}
	}
	for _, number := range plan.records {
		if err := s.remove(ctx, recordName(number)); err != nil {
			return done, err
		}
		done.Generations++
	}
	for _, push := range plan.abandoned {
		if err := s.collectPush(ctx, push, &done); err != nil {
			return done, fmt.Errorf("collect push %s in %s: %w", push.Name, s.name, err)
		}
	}
	var damaged []error
	for _, g := range plan.manifests {
		err := s.collectManifest(ctx, g, &done)
		if err != nil {
			err = fmt.Errorf("collect generation %s in %s: %w", g.name, s.name, err)
		}
		switch {
		case errors.Is(err, manifest.ErrInvalid):
			damaged = append(damaged, err) // the others need not wait for it
		case err != nil:
			return done, err
		}
	}
	return done, errors.Join(append(damaged, s.collectClaims(ctx, held))...)
}

// collectClaims removes what pushes announced that were killed while they
// committed a generation which others have committed since.
func (s *Store) collectClaims(ctx context.Context, held inventory) error {
	claims, err := s.named(ctx, dirClaims, jsonSuffix)
	if err != nil || len(held.records) == 0 {
		return err
	}
	for name := range claims {
		text, _, _ := strings.Cut(name, "-")
		number, err := strconv.ParseInt(text, 10, 64)
		if err != nil || number >= held.records[0].Number {
			continue
		}
		if err := s.remove(ctx, dirClaims+"/"+name+jsonSuffix); err != nil {
			return err
		}
	}
	return nil
}

// inventory is what a collection decides by.
type inventory struct {
	manifests map[string]bool
	pushes    []Push
	pins      []Reader
	records   []Generation // newest first
}

// inventory reads the store. The order matters: a push stores its manifest,
// then its record, then takes its marker away; read the other way round, one
// that commits meanwhile would look like one that was given up.
func (s *Store) inventory(ctx context.Context) (inventory, error) {
	held := inventory{manifests: map[string]bool{}}
	manifests, err := s.named(ctx, dirManifests, manifestSuffix)
	if err != nil {
		return held, err
	}
	for name := range manifests {
		held.manifests[name] = true
	}
	if held.pushes, err = readAll[Push](ctx, s, dirPushes); err != nil {
		return held, err
	}
	if held.pins, err = readAll[Reader](ctx, s, dirReaders); err != nil {
		return held, err
	}
	held.records, err = s.Generations(ctx)
	return held, err
}

// readAll reads the small objects of a directory; those that are removed
// meanwhile are left out.
func readAll[T any](ctx context.Context, s *Store, dir string) ([]T, error) {
	objects, err := s.named(ctx, dir, jsonSuffix)
	if err != nil {
		return nil, err
	}
	var all []T
	for _, o := range objects {
		var value T
		err := s.decode(ctx, o, &value)
		if errors.Is(err, ErrGone) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, value)
	}
	return all, nil
}
