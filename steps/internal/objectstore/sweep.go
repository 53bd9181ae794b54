package objectstore

import (
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sync/errgroup"

	"github.com/backube/scribe-gen/tree/manifest"
)

// collectManifest removes a manifest that no record has, after the objects that
// only it refers to.
func (s *Store) collectManifest(ctx context.Context, g garbage, done *Collected) error {
	dead, err := s.unreferenced(ctx, g)
	if errors.Is(err, ErrGone) {
		return nil // another collection was faster
	}
	if err != nil {
		return err
	}
	if err := s.removeNames(ctx, dead.objects, done); err != nil {
		return err
	}
	for layer := range dead.layers {
		if err := s.removeLayer(ctx, layer, done); err != nil {
			return err
		}
	}
	done.Manifests++
	return s.remove(ctx, dirManifests+"/"+g.name+manifestSuffix)
}

// removeNames deletes objects by their names, several at a time. A killed
// collection may have removed some.
func (s *Store) removeNames(ctx context.Context, sizes map[string]int64, done *Collected) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(s.Transfers())
	for name, size := range sizes {
		done.Objects++
		done.Bytes += size
		group.Go(func() error { return s.remove(ctx, name) })
	}
	return group.Wait()
}

// unused is what only one manifest refers to.
type unused struct {
	objects map[string]int64 // sizes by the name in the store
	// layers are those that no other manifest has anything in: what killed
	// pushes left there can go, too.
	layers map[string]bool
}

// unreferenced compares a manifest with those that stay. A missing or damaged
// one among these is an error, and nothing is removed.
func (s *Store) unreferenced(ctx context.Context, g garbage) (unused, error) {
	dead := unused{objects: map[string]int64{}, layers: map[string]bool{}}
	old, err := s.openManifest(ctx, g.name)
	if err != nil {
		return dead, err
	}
	defer old.close()
	if len(g.against) == 0 {
		return dead, each(old, func(e *manifest.Entry) error { return dead.add(e, "") })
	}
	moved, err := s.compare(ctx, old, g.against[0], &dead)
	if err != nil {
		return dead, err
	}
	for i, name := range g.against {
		if i == 0 && !moved {
			continue // all that it refers to is under the entry's own path
		}
		kept, err := s.openKept(ctx, name)
		if err != nil {
			return dead, err
		}
		err = each(kept, dead.spare)
		kept.close()
		if err != nil {
			return dead, err
		}
	}
	return dead, nil
}

// compare collects what the old manifest refers to and the kept one does not at
// the same path. It reports whether the kept one refers to objects under other
// names, so that it must be asked for each of those.
func (s *Store) compare(ctx context.Context, old manifest.Entries, name string, dead *unused) (moved bool, err error) {
	kept, err := s.openKept(ctx, name)
	if err != nil {
		return false, err
	}
	defer kept.close()
	used := map[string]bool{} // layers
	err = manifest.Merge(old, kept, func(a, b *manifest.Entry) error {
		same := ""
		if hasObject(b) {
			moved = moved || b.Object != ""
			used[b.Layer] = true
			if same, err = at(b.Layer, b.Object, b.Path); err != nil {
				return err
			}
		}
		if !hasObject(a) {
			return nil
		}
		return dead.add(a, same)
	})
	for layer := range used {
		delete(dead.layers, layer)
	}
	return moved, err
}

// add notes the object of an entry, unless it is the one named.
func (u *unused) add(e *manifest.Entry, same string) error {
	if !hasObject(e) {
		return nil
	}
	name, err := at(e.Layer, e.Object, e.Path)
	if err != nil {
		return err
	}
	u.layers[e.Layer] = true
	if name != same {
		u.objects[name] = e.Size
	}
	return nil
}

// spare takes out what a kept entry refers to.
func (u *unused) spare(e *manifest.Entry) error {
	if !hasObject(e) {
		return nil
	}
	name, err := at(e.Layer, e.Object, e.Path)
	delete(u.objects, name)
	delete(u.layers, e.Layer)
	return err
}

// hasObject reports whether an entry refers to an object. Another name of a
// hard link may, as well as the first one.
func hasObject(e *manifest.Entry) bool { return e != nil && e.Layer != "" }

// stored is a manifest that is read from the store.
type stored struct {
	*manifest.Reader
	in io.Closer
}

func (s *Store) openManifest(ctx context.Context, name string) (*stored, error) {
	in, err := s.Manifest(ctx, name)
	if err != nil {
		return nil, err
	}
	r, err := manifest.NewReader(in)
	if err != nil {
		_ = in.Close()
		return nil, fmt.Errorf("manifest %s in %s: %w", name, s.name, err)
	}
	return &stored{r, in}, nil
}

// openKept opens a manifest that must be there.
func (s *Store) openKept(ctx context.Context, name string) (*stored, error) {
	m, err := s.openManifest(ctx, name)
	if errors.Is(err, ErrGone) {
		return nil, fmt.Errorf("manifest %s, which records in %s name, is missing: nothing that it may refer to was removed", name, s.name)
	}
	return m, err
}

func (m *stored) close() {
	m.Reader.Close()
	_ = m.in.Close()
}

func each(entries manifest.Entries, fn func(*manifest.Entry) error) error {
	for {
		e, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := fn(e); err != nil {
			return err
		}
	}
}
