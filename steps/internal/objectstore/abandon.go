package objectstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/operations"
	"github.com/rclone/rclone/fs/walk"
)

// Abandon removes what a push stored that will not be committed, and its
// marker: one that lost to another, or found after its first upload that nothing
// changed.
func (s *Store) Abandon(ctx context.Context, name string) error {
	var p Push
	err := s.readJSON(ctx, pushName(name), &p)
	if errors.Is(err, ErrGone) {
		return nil
	}
	if err == nil {
		err = s.collectPush(ctx, p, &Collected{})
	}
	if err != nil {
		return fmt.Errorf("abandon push %s in %s: %w", name, s.name, err)
	}
	return nil
}

// collectPush removes what a push stored that did not commit. Its marker says so
// first, in case it comes back, and goes last.
func (s *Store) collectPush(ctx context.Context, p Push, done *Collected) error {
	var now Push
	switch err := s.readJSON(ctx, pushName(p.Name), &now); {
	case errors.Is(err, ErrGone):
		return nil
	case err != nil:
		return err
	case !now.Seen.Equal(p.Seen):
		return nil // it came back
	}
	p.Collected = true
	if err := s.writeJSON(ctx, pushName(p.Name), p); err != nil {
		return err
	}
	committed, err := s.committed(ctx, p.Name)
	if err != nil {
		return err
	}
	if !committed {
		if err := s.removeLayer(ctx, p.Name, done); err != nil {
			return err
		}
		if err := s.remove(ctx, dirManifests+"/"+p.Name+manifestSuffix); err != nil {
			return err
		}
		done.Pushes++
	}
	return s.Done(ctx, p.Name)
}

// committed reports whether a record has the manifest of a push.
func (s *Store) committed(ctx context.Context, name string) (bool, error) {
	generations, err := s.Generations(ctx)
	for _, g := range generations {
		if g.Name == name {
			return true, err
		}
	}
	return false, err
}

// removeLayer removes all that is in a layer. (rclone's purge removes the old
// versions of a bucket that keeps them, too.)
func (s *Store) removeLayer(ctx context.Context, layer string, done *Collected) error {
	for _, kind := range []string{dirFiles, dirLong} {
		dir := kind + "/" + layer
		err := walk.ListR(s.Context(ctx), s.backend, dir, true, -1, walk.ListObjects, func(entries fs.DirEntries) error {
			names := make(map[string]int64, len(entries))
			for _, entry := range entries {
				names[entry.Remote()] = entry.Size()
			}
			return s.removeNames(ctx, names, done)
		})
		if err == nil && s.backend.Features().CanHaveEmptyDirectories {
			err = operations.Rmdirs(s.Context(ctx), s.backend, dir, false)
		}
		if err != nil && !isNotFound(err) {
			return s.failed(err, "remove %s from %s", dir, s.name)
		}
	}
	return nil
}
