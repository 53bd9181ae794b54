package objectstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/rclone/rclone/fs"
)

// The directories of a store.
const (
	dirRecords   = "generations"
	dirManifests = "manifests"
	dirFiles     = "files"
	dirLong      = "long"
	dirReaders   = "readers"
	dirPushes    = "pushes"
	dirClaims    = "claims"
)

const (
	jsonSuffix     = ".json"
	manifestSuffix = ".zst"
	// partialSuffix marks what is being written where a store shows that.
	partialSuffix = ".partial"
	maxJSON       = 1 << 20
)

// list returns the objects of a directory. One that is not there is empty, but
// a bucket that is not there is an error.
func (s *Store) list(ctx context.Context, dir string) ([]fs.Object, error) {
	// Every step lists before it does anything else.
	ctx, done := whileTrusted(ctx)
	defer done(nil)
	entries, err := again(ctx, s, "list "+dir, func() (fs.DirEntries, error) {
		entries, err := s.backend.List(s.Context(ctx), dir)
		if err != nil && !isCut(err) {
			err = backoff.Permanent(err) // rclone tried this several times
		}
		return entries, err
	})
	if errors.Is(err, fs.ErrorDirNotFound) {
		if !s.backend.Features().BucketBased {
			return nil, nil
		}
		err = errNoBucket
	}
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	if err != nil {
		return nil, s.failed(err, "list %s in %s", dir, s.name)
	}
	objects := make([]fs.Object, 0, len(entries))
	for _, entry := range entries {
		if o, ok := entry.(fs.Object); ok {
			objects = append(objects, o)
		}
	}
	return objects, nil
}

// named lists a directory by the names without their suffix; those with another
// one are left out.
func (s *Store) named(ctx context.Context, dir, suffix string) (map[string]fs.Object, error) {
	objects, err := s.list(ctx, dir)
	if err != nil {
		return nil, err
	}
	byName := make(map[string]fs.Object, len(objects))
	for _, o := range objects {
		if name, ok := strings.CutSuffix(path.Base(o.Remote()), suffix); ok {
			byName[name] = o
		}
	}
	return byName, nil
}

// find returns an object by its name. With S3 it may not exist: reading it
// tells.
func (s *Store) find(ctx context.Context, name string) (fs.Object, error) {
	o, err := s.backend.NewObject(s.Context(ctx), name)
	if isNotFound(err) {
		return nil, fmt.Errorf("%s in %s: %w", name, s.name, ErrGone)
	}
	if err != nil {
		return nil, s.failed(err, "find %s in %s", name, s.name)
	}
	return o, nil
}

// readJSON reads a small object by its name; the error wraps ErrGone where
// there is none.
func (s *Store) readJSON(ctx context.Context, name string, value any) error {
	o, err := s.find(ctx, name)
	if err != nil {
		return err
	}
	return s.decode(ctx, o, value)
}

// decode reads a small object.
func (s *Store) decode(ctx context.Context, o fs.Object, value any) error {
	name := o.Remote()
	data, err := again(ctx, s, "read "+name, func() ([]byte, error) {
		in, err := o.Open(s.Context(ctx))
		if isNotFound(err) {
			return nil, fmt.Errorf("%s in %s: %w", name, s.name, ErrGone)
		}
		if err != nil {
			// rclone tried this several times.
			return nil, backoff.Permanent(s.failed(err, "open %s in %s", name, s.name))
		}
		data, err := io.ReadAll(io.LimitReader(in, maxJSON))
		_ = in.Close()
		return data, s.failed(err, "read %s in %s", name, s.name)
	})
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, value); err != nil {
		return fmt.Errorf("%s in %s is not what was written there: %w", name, s.name, err)
	}
	return nil
}

// writeJSON writes a small object, so that nobody sees half of it.
func (s *Store) writeJSON(ctx context.Context, name string, value any) error {
	_, err := again(ctx, s, "write "+name, func() (struct{}, error) {
		err := s.putJSON(ctx, name, value)
		if err != nil && s.backend.Features().PartialUploads && s.remove(ctx, name) == nil {
			err = s.putJSON(ctx, name, value) // some stores do not move over what is there
		}
		return struct{}{}, err
	})
	return s.failed(err, "write %s to %s", name, s.name)
}

// putJSON is writeJSON in one attempt, with rclone's error.
func (s *Store) putJSON(ctx context.Context, name string, value any, options ...fs.OpenOption) error {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	data = append(data, '\n')
	features := s.backend.Features()
	if !features.PartialUploads || features.Move == nil {
		_, err := s.send(ctx, name, data, time.Now(), options...)
		return err
	}
	partial, err := s.send(ctx, name+partialSuffix, data, time.Now(), options...)
	if err != nil {
		return err
	}
	_, err = features.Move(s.Context(ctx), partial, name)
	return err
}

// remove deletes an object; one that is not there is no error.
func (s *Store) remove(ctx context.Context, name string) error {
	o, err := s.find(ctx, name)
	if errors.Is(err, ErrGone) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := o.Remove(s.Context(ctx)); err != nil && !isNotFound(err) {
		return s.failed(err, "delete %s from %s", name, s.name)
	}
	return nil
}
