package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/google/renameio/v2"
)

// Changes says what Write did to which files.
type Changes struct {
	Written, Unchanged, Removed []string
}

// Write writes each bundle to dir/<site>/<replication>.yaml, all or none: every
// file is complete beside its place before the first is moved there. A file that
// an earlier compilation of the same replication wrote and that has no bundle any
// more is removed. A file in the way that scribe-gen did not write is an error,
// and is left alone.
func Write(dir string, bundles []Bundle) (Changes, error) {
	files, err := plan(dir, bundles)
	if err != nil {
		return Changes{}, err
	}
	stale, err := stale(dir, bundles, files)
	if err != nil {
		return Changes{}, err
	}
	return apply(files, stale)
}

// file is a bundle on its way to the disk.
type file struct {
	path       string
	data       []byte
	pending    *renameio.PendingFile
	unchanged  bool
	newSiteDir bool
}

// plan encodes every bundle and looks at what is in its place.
func plan(dir string, bundles []Bundle) ([]*file, error) {
	var files []*file
	var errs []error
	for _, b := range bundles {
		f := &file{path: filepath.Join(dir, b.Site, b.Replication+".yaml")}
		same := func(other *file) bool { return other.path == f.path }
		if slices.ContainsFunc(files, same) {
			errs = append(errs, fmt.Errorf("two bundles would be written to %s", f.path))
			continue
		}
		var err error
		if f.data, err = b.encode(); err != nil {
			errs = append(errs, err)
			continue
		}
		old, err := os.ReadFile(f.path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			errs = append(errs, err)
		case !bytes.HasPrefix(old, []byte(b.Header())):
			errs = append(errs, fmt.Errorf("%s: scribe-gen did not write this file for replication %s; move it away or choose another directory",
				f.path, b.Replication))
		default:
			f.unchanged = bytes.Equal(old, f.data)
		}
		files = append(files, f)
	}
	return files, errors.Join(errs...)
}

// stale returns the files of earlier compilations of the same replications that
// have no bundle any more.
func stale(dir string, bundles []Bundle, files []*file) ([]string, error) {
	sites, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var paths []string
	var errs []error
	for _, site := range sites {
		for _, b := range bundles {
			path := filepath.Join(dir, site.Name(), b.Replication+".yaml")
			emitted := func(f *file) bool { return f.path == path }
			if !site.IsDir() || slices.Contains(paths, path) || slices.ContainsFunc(files, emitted) {
				continue
			}
			old, err := os.ReadFile(path)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, err)
			}
			if bytes.HasPrefix(old, []byte(Bundle{Site: site.Name(), Replication: b.Replication}.Header())) {
				paths = append(paths, path)
			}
		}
	}
	return paths, errors.Join(errs...)
}

// apply stages every file, then moves them to their places, then removes what is
// stale. Up to the first move, an error leaves the directory as it was.
func apply(files []*file, stale []string) (changes Changes, err error) {
	defer func() {
		for _, f := range files {
			err = errors.Join(err, f.discard())
		}
	}()
	for _, f := range files {
		if err := f.stage(); err != nil {
			return changes, fmt.Errorf("writing %s: %w", f.path, err)
		}
	}
	for _, f := range files {
		if f.unchanged {
			changes.Unchanged = append(changes.Unchanged, f.path)
			continue
		}
		if err := f.pending.CloseAtomicallyReplace(); err != nil {
			return changes, fmt.Errorf("writing %s: %w", f.path, err)
		}
		changes.Written = append(changes.Written, f.path)
	}
	for _, path := range stale {
		if err := os.Remove(path); err != nil {
			return changes, err
		}
		changes.Removed = append(changes.Removed, path)
	}
	return changes, nil
}

// stage writes the content beside its place.
func (f *file) stage() error {
	if f.unchanged {
		return nil
	}
	dir := filepath.Dir(f.path)
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	switch err := os.Mkdir(dir, 0o755); {
	case err == nil:
		f.newSiteDir = true
	case !errors.Is(err, fs.ErrExist):
		return err
	}
	var err error
	f.pending, err = renameio.NewPendingFile(f.path,
		renameio.WithTempDir(dir), renameio.WithPermissions(0o644), renameio.WithExistingPermissions())
	if err != nil {
		return err
	}
	_, err = f.pending.Write(f.data)
	return err
}

// discard removes what stage left and nobody moved; after a move it does nothing.
func (f *file) discard() error {
	var err error
	if f.pending != nil {
		err = f.pending.Cleanup()
	}
	if f.newSiteDir {
		// Only a directory that stayed empty goes; the error says that it did not.
		_ = os.Remove(filepath.Dir(f.path))
	}
	return err
}
