package scan

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/backube/scribe-gen/tree/manifest"
)

// Each reads the manifest of what was scanned, with Inode and ChangeTime as the
// index has them. An entry is valid during its call. It is an error if there is no
// Source.Index, or it could not be written.
func (r *Result) Each(fn func(*manifest.Entry) error) error {
	if r.next == nil || !r.next.written {
		return fmt.Errorf("read what was scanned: %w", os.ErrNotExist)
	}
	l, err := open(filepath.Join(r.next.dir, nextFile))
	if err != nil {
		return fmt.Errorf("read what was scanned: %w", err)
	}
	defer l.close()
	for {
		e, err := l.before("")
		if err != nil || e == nil {
			return err
		}
		if err := fn(e); err != nil {
			return err
		}
	}
}

var errMoved = errors.New("something changed")

// Still scans the source again and reports whether nothing changed since the
// result, not even for a moment. Only then is what was sent of a live source
// meanwhile what was scanned.
func (s Source) Still(ctx context.Context, r *Result) (bool, error) {
	if r.Vanished > 0 || r.Unsteady > 0 || r.next == nil || !r.next.written {
		return false, nil
	}
	s.look = true
	again, err := s.Run(ctx, Stages{
		Emit: func(it *Item) error {
			if it.Last == nil || it.Last.ChangeTime != it.ChangeTime || !it.Last.Same(&it.Entry) {
				return errMoved
			}
			return nil
		},
		Gone: func(*manifest.Entry) error { return errMoved },
	})
	switch {
	case errors.Is(err, errMoved):
		return false, nil
	case err != nil:
		return false, err
	}
	return again.Vanished == 0 && again.Unsteady == 0, nil
}
