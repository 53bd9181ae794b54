package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/backube/scribe-gen/test/cluster/components/driver/backing"
)

// Volume returns the volume of that identifier, or [ErrNotFound].
func (s *Store) Volume(id string) (Volume, error) { return load[Volume](s, volumes, id) }

// Path returns where the contents of a volume are.
func (s *Store) Path(v Volume) string { return s.path(volumes, v.ID) }

// CreateVolume makes the volume that want describes, whose ID and Created it
// sets, and returns it. One of the same name that exists is returned as it is. An
// absent source is [ErrNotFound]; a source may be of the other backing.
func (s *Store) CreateVolume(ctx context.Context, want Volume) (Volume, error) {
	want.ID = ID(want.Name)
	release, err := s.busy.hold(ctx, volumes+"/"+want.ID)
	if err != nil {
		return Volume{}, err
	}
	defer release()
	if v, err := s.Volume(want.ID); !errors.Is(err, ErrNotFound) {
		return v, err
	}
	path := s.Path(want)
	if err := s.remove(path); err != nil {
		return Volume{}, fmt.Errorf("remove the leftover of volume %s: %w", want.ID, err)
	}
	want.Created = time.Now().UTC()
	if err := s.fill(ctx, path, want); err != nil {
		return Volume{}, errors.Join(fmt.Errorf("create volume %s: %w", want.ID, err), s.remove(path))
	}
	return want, s.save(volumes, want.ID, want)
}

// fill makes the contents of v at path.
func (s *Store) fill(ctx context.Context, path string, v Volume) error {
	var from, kind string
	switch {
	case v.Source.Snapshot != "":
		source, err := s.Snapshot(v.Source.Snapshot)
		if err != nil {
			return err
		}
		from, kind = s.path(snapshots, source.ID), source.Backing
	case v.Source.Volume != "":
		source, err := s.Volume(v.Source.Volume)
		if err != nil {
			return err
		}
		from, kind = s.Path(source), source.Backing
	default:
		return s.kind(v.Backing).Create(ctx, path, v.Size)
	}
	if kind == v.Backing {
		return s.kind(kind).Copy(ctx, from, path, backing.Shape{Size: v.Size})
	}
	return s.convert(ctx, from, kind, path, v)
}

// convert makes the contents of v at path from contents of the other backing: a
// copy of one point in time, from which the files are copied.
func (s *Store) convert(ctx context.Context, from, kind, path string, v Volume) (err error) {
	copied := s.path(tmp, "copy-"+v.ID)
	if err := s.remove(copied); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.remove(copied)) }()
	if err := s.kind(kind).Copy(ctx, from, copied, backing.Shape{}); err != nil {
		return err
	}
	if kind == Image {
		if err := removeLostFound(copied); err != nil {
			return err
		}
	}
	if err := s.kind(v.Backing).Create(ctx, path, v.Size); err != nil {
		return err
	}
	return backing.CopyTree(ctx, copied, path)
}

// removeLostFound removes an empty lost+found, which belongs to the file system
// and not to the data. The root keeps its times.
func removeLostFound(root string) error {
	info, err := os.Stat(root)
	if err != nil {
		return err
	}
	if os.Remove(filepath.Join(root, "lost+found")) != nil {
		return nil // Absent, or it holds data.
	}
	return os.Chtimes(root, time.Time{}, info.ModTime())
}

// DeleteVolume removes the volume of that identifier; an absent one is no error.
func (s *Store) DeleteVolume(ctx context.Context, id string) error {
	return s.delete(ctx, volumes, id)
}

// AttachVolume makes the contents of v visible at its path, if they are not.
func (s *Store) AttachVolume(ctx context.Context, v Volume) error {
	a, ok := s.kind(v.Backing).(backing.Attacher)
	if !ok {
		return nil
	}
	if err := a.Attach(ctx, s.Path(v)); err != nil {
		return fmt.Errorf("attach volume %s: %w", v.ID, err)
	}
	return nil
}

// delete removes the record, then the contents, of id in dir.
func (s *Store) delete(ctx context.Context, dir, id string) error {
	if !valid(id) {
		return nil
	}
	release, err := s.busy.hold(ctx, dir+"/"+id)
	if err != nil {
		return err
	}
	defer release()
	if err := s.forget(dir, id); err != nil {
		return err
	}
	if err := s.remove(s.path(dir, id)); err != nil {
		return fmt.Errorf("delete %s/%s: %w", dir, id, err)
	}
	return nil
}
