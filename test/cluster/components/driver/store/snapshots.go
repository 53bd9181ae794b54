package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/backube/scribe-gen/test/cluster/components/driver/backing"
)

// Snapshot returns the snapshot of that identifier, or [ErrNotFound].
func (s *Store) Snapshot(id string) (Snapshot, error) { return load[Snapshot](s, snapshots, id) }

// CreateSnapshot cuts the snapshot that want describes by Name, Volume and
// Parameters, and returns it. It is said to be ready readyAfter later. One of the
// same name that exists is returned as it is; an absent volume is [ErrNotFound].
func (s *Store) CreateSnapshot(ctx context.Context, want Snapshot, readyAfter time.Duration) (Snapshot, error) {
	want.ID = ID(want.Name)
	release, err := s.busy.hold(ctx, snapshots+"/"+want.ID)
	if err != nil {
		return Snapshot{}, err
	}
	defer release()
	if snap, err := s.Snapshot(want.ID); !errors.Is(err, ErrNotFound) {
		return snap, err
	}
	source, err := s.Volume(want.Volume)
	if err != nil {
		return Snapshot{}, err
	}
	path := s.path(snapshots, want.ID)
	if err := s.remove(path); err != nil {
		return Snapshot{}, fmt.Errorf("remove the leftover of snapshot %s: %w", want.ID, err)
	}
	want.Size, want.Backing, want.Created = source.Size, source.Backing, time.Now().UTC()
	if err := s.kind(want.Backing).Copy(ctx, s.Path(source), path, backing.Shape{ReadOnly: true}); err != nil {
		return Snapshot{}, errors.Join(fmt.Errorf("create snapshot %s: %w", want.ID, err), s.remove(path))
	}
	if readyAfter > 0 {
		want.ReadyAt = want.Created.Add(readyAfter)
	}
	return want, s.save(snapshots, want.ID, want)
}

// DeleteSnapshot removes the snapshot of that identifier; an absent one is no
// error.
func (s *Store) DeleteSnapshot(ctx context.Context, id string) error {
	return s.delete(ctx, snapshots, id)
}
