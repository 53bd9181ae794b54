package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Changes says what Write did to which files.
type Changes struct {
	Written, Unchanged, Removed []string
	// Outdated are the kustomizations of others that do not fit the bundles. They
	// were left alone.
	Outdated []Kustomization
}

// Write writes each bundle to dir/<site>/<replication>.yaml, and beside them a
// kustomization.yaml that lists every bundle of the site, those of earlier
// compilations of other replications, too. All or none: every file is complete
// beside its place before the first is moved there. A file that an earlier
// compilation of the same replication wrote and that has no bundle any more is
// removed. A file in the way of a bundle that scribe-gen did not write is an error; a
// kustomization that it did not write is reported. Both are left alone.
func Write(dir string, bundles []Bundle) (Changes, error) {
	files, err := plan(dir, bundles)
	if err != nil {
		return Changes{}, err
	}
	stale, err := stale(dir, bundles, files)
	if err != nil {
		return Changes{}, err
	}
	sites, err := kustomizations(dir, files, stale)
	if err != nil {
		return Changes{}, err
	}
	// Last, so that none ever names a file that is not there.
	changes, err := apply(append(files, sites.files...), append(sites.stale, stale...))
	changes.Outdated = sites.outdated
	return changes, err
}

// plan encodes every bundle and looks at what is in its place.
func plan(dir string, bundles []Bundle) ([]*file, error) {
	var files []*file
	var errs []error
	for _, b := range bundles {
		path := b.path(dir)
		switch {
		case slices.ContainsFunc(files, func(f *file) bool { return f.path == path }):
			errs = append(errs, fmt.Errorf("two bundles would be written to %s", path))
			continue
		case slices.Contains(kustomizationNames, filepath.Base(path)):
			errs = append(errs, fmt.Errorf("%s: kustomize looks for its own file under this name; give replication %s another one",
				path, b.Replication))
			continue
		}
		data, err := b.encode()
		if err != nil {
			errs = append(errs, err)
			continue
		}
		f, err := newFile(path, b.Header(), data)
		if errors.Is(err, errForeign) {
			err = fmt.Errorf("%s: scribe-gen did not write this file for replication %s; move it away or choose another directory",
				path, b.Replication)
		}
		if err != nil {
			errs = append(errs, err)
		}
		files = append(files, f)
	}
	return files, errors.Join(errs...)
}

// path is the bundle's file.
func (b Bundle) path(dir string) string { return filepath.Join(dir, b.Site, b.Replication+".yaml") }

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
			b.Site = site.Name()
			path := b.path(dir)
			emitted := func(f *file) bool { return f.path == path }
			if !site.IsDir() || slices.Contains(paths, path) || slices.ContainsFunc(files, emitted) {
				continue
			}
			ours, err := begins(path, b.Header())
			if err != nil {
				errs = append(errs, err)
			}
			if ours {
				paths = append(paths, path)
			}
		}
	}
	return paths, errors.Join(errs...)
}

// begins reports whether the file is there and begins with the header, and so is
// ours.
func begins(path, header string) (bool, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return bytes.HasPrefix(data, []byte(header)), err
}

// apply stages every file, then moves them to their places, then removes what is
// stale. Up to the first move, an error leaves the directory as it was.
func apply(files []*file, stale []string) (changes Changes, err error) {
	defer func() {
		for _, f := range files {
			err = errors.Join(err, f.discard())
		}
		for _, f := range files {
			f.discardDir()
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
