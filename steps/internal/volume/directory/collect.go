package directory

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/backube/scribe-gen/steps/internal/volume"
)

// RemoveTemporary implements [volume.Copier]. A relationship has one run at a
// time, so copies of its other runs are left by killed ones.
func (s *Store) RemoveTemporary(ctx context.Context, owner volume.Owner) ([]string, error) {
	return s.collect(ctx, func(r volumeRecord) bool { return r.Relationship == owner.Relationship })
}

// RemoveLeftovers implements [volume.Copier].
func (s *Store) RemoveLeftovers(ctx context.Context, owner volume.Owner) ([]string, error) {
	return s.collect(ctx, func(r volumeRecord) bool {
		return r.Relationship == owner.Relationship && r.Run != owner.Run
	})
}

// collect removes the temporary volumes that match and whatever killed processes
// left, of any relationship.
func (s *Store) collect(ctx context.Context, match func(volumeRecord) bool) ([]string, error) {
	volumes := filepath.Dir(s.layout.Volume("any"))
	removed, err := s.removeVolumes(ctx, volumes, match)
	if err != nil {
		return removed, fmt.Errorf("remove temporary volumes: %w", err)
	}
	dirs, err := s.snapshotDirs()
	if err != nil {
		return removed, fmt.Errorf("remove what killed runs left: %w", err)
	}
	for _, dir := range append(dirs, volumes) {
		names, err := removePartials(dir)
		removed = append(removed, names...)
		if err != nil {
			return removed, fmt.Errorf("remove what killed runs left: %w", err)
		}
	}
	for _, collect := range []func() ([]string, error){s.collectSecrets, s.collectStates} {
		names, err := collect()
		removed = append(removed, names...)
		if err != nil {
			return removed, fmt.Errorf("remove what killed runs left: %w", err)
		}
	}
	return removed, nil
}

// removeVolumes removes the temporary volumes that match.
func (s *Store) removeVolumes(ctx context.Context, volumes string, match func(volumeRecord) bool) ([]string, error) {
	entries, err := os.ReadDir(volumes)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var removed []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") || !e.IsDir() {
			continue
		}
		if err := context.Cause(ctx); err != nil {
			return removed, err
		}
		record, err := s.made(e.Name())
		if err != nil || !record.temporary() || !match(record) {
			continue // not made by a run, or gone, or not ours
		}
		if err := retire(s.layout.Volume(e.Name()), s.volumeFile(e.Name())); err != nil {
			return removed, err
		}
		removed = append(removed, e.Name())
	}
	return removed, nil
}
