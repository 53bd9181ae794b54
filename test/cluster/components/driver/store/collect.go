package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/backube/scribe-gen/test/cluster/components/driver/backing"
)

// collect removes what killed calls left: all of tmp, and contents without a
// record.
func (s *Store) collect() (warnings []error) {
	for _, dir := range []string{volumes, snapshots, tmp} {
		ids, recorded, err := s.list(dir)
		if err != nil {
			warnings = append(warnings, err)
			continue
		}
		for id := range ids {
			if recorded[id] {
				continue
			}
			if err := s.remove(s.path(dir, id)); err != nil {
				warnings = append(warnings, fmt.Errorf("remove leftover %s/%s: %w", dir, id, err))
			}
		}
	}
	return warnings
}

// attachAll makes the contents of all volumes visible.
func (s *Store) attachAll(ctx context.Context) (warnings []error) {
	_, recorded, err := s.list(volumes)
	if err != nil {
		return []error{err}
	}
	for id := range recorded {
		v, err := s.Volume(id)
		if err == nil {
			err = s.AttachVolume(ctx, v)
		}
		if err != nil && !errors.Is(err, ErrNotFound) {
			warnings = append(warnings, err)
		}
	}
	return warnings
}

// list returns the identifiers that have contents in dir, and those that have a
// record.
func (s *Store) list(dir string) (contents, recorded map[string]bool, err error) {
	entries, err := os.ReadDir(s.path(dir, ""))
	if err != nil {
		return nil, nil, fmt.Errorf("list %s: %w", dir, err)
	}
	contents, recorded = map[string]bool{}, map[string]bool{}
	for _, entry := range entries {
		if id, ok := strings.CutSuffix(entry.Name(), recordSuffix); ok {
			recorded[id] = true
			continue
		}
		contents[strings.TrimSuffix(entry.Name(), backing.ImageSuffix)] = true
	}
	return contents, recorded, nil
}
