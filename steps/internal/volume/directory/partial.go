package directory

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/backube/scribe-gen/steps/internal/volume"
	"github.com/backube/scribe-gen/steps/internal/volume/clone"
)

const partialSuffix = ".partial"

// partialName is a new hidden name beside final for what is not complete.
func partialName(final string) string {
	return filepath.Join(filepath.Dir(final), "."+filepath.Base(final)+"."+rand.Text()[:10]+partialSuffix)
}

func isPartial(name string) bool {
	return strings.HasPrefix(name, ".") && strings.HasSuffix(name, partialSuffix)
}

// makePartial makes and locks an empty hidden directory beside final.
func makePartial(final string) (dir string, release func(), err error) {
	if err := os.MkdirAll(filepath.Dir(final), 0o755); err != nil {
		return "", nil, err
	}
	for {
		dir = partialName(final)
		if err := os.Mkdir(dir, 0o700); err != nil {
			return "", nil, err
		}
		release, held, err := lockPartial(dir)
		if err != nil {
			return "", nil, err
		}
		if held {
			return dir, release, nil
		}
		// Someone who collects leftovers came between and has it now.
	}
}

// lockPartial locks a partial and reports false when another process has it, or
// had it and removed it.
func lockPartial(dir string) (release func(), held bool, err error) {
	release, f, err := volume.TryLockRoot(dir)
	if errors.Is(err, volume.ErrLocked) || errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	locked, err := f.Stat()
	if err == nil {
		var now os.FileInfo
		if now, err = os.Lstat(dir); err == nil && os.SameFile(locked, now) {
			return release, true, nil
		}
	}
	release()
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return nil, false, err
}

// publish makes final a copy of the tree src with the record that describe
// returns once the copy is made. A tree that got the name meanwhile wins.
func (s *Store) publish(ctx context.Context, src, final string, opts clone.Options, record string, describe func() any) error {
	if _, err := removePartials(filepath.Dir(final)); err != nil {
		return fmt.Errorf("remove what a killed process left: %w", err)
	}
	partial, release, err := makePartial(final)
	if err != nil {
		return err
	}
	defer release()
	err = s.fill(ctx, src, partial, opts)
	if err == nil {
		err = withLock(filepath.Dir(final), 0o755, func(parent *os.File) error {
			there, err := exists(final)
			if err != nil || there {
				return err
			}
			return install(parent, partial, final, record, describe())
		})
	}
	if there, _ := exists(partial); there {
		err = errors.Join(err, removeTree(partial))
	}
	return err
}

// fill copies the tree and makes it durable.
func (s *Store) fill(ctx context.Context, src, partial string, opts clone.Options) error {
	stats, err := clone.Tree(ctx, src, partial, opts)
	if err != nil {
		return err
	}
	if stats.Vanished > 0 {
		s.log.Info("entries vanished while the volume was copied", "source", src, "entries", stats.Vanished)
	}
	if stats.Owners > 0 || stats.Xattrs > 0 {
		s.log.Warn("not all attributes could be kept: run as root to keep them",
			"source", src, "entriesWithOtherOwner", stats.Owners, "entriesWithoutXattrs", stats.Xattrs)
	}
	f, err := os.Open(filepath.Dir(partial))
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.Syncfs(int(f.Fd())); err != nil {
		return fmt.Errorf("write %s to disk: %w", partial, err)
	}
	return nil
}

// install gives a complete tree its name. The record is on disk before, so that
// a tree without one is never seen.
func install(parent *os.File, partial, final, record string, v any) error {
	if err := writeJSON(record, v); err != nil {
		return err
	}
	if err := parent.Sync(); err != nil {
		return err
	}
	if err := os.Rename(partial, final); err != nil {
		return err
	}
	return parent.Sync()
}

// retire removes a published tree and its record. The tree loses its name first:
// if that is all that happened, the record is void and the tree a leftover, and
// both are collected. The other way round, a tree without a record would remain
// that nothing tells apart from one a person made.
func retire(final, record string) error {
	partial := partialName(final)
	err := withLock(filepath.Dir(final), 0o755, func(parent *os.File) error {
		if err := os.Rename(final, partial); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := parent.Sync(); err != nil {
			return err
		}
		if err := os.Remove(record); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return parent.Sync()
	})
	if err != nil {
		return err
	}
	return removeTree(partial)
}

// removePartials removes from dir what killed processes left: partials that
// nobody locks and records without a tree.
func removePartials(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var removed []string
	for _, e := range entries {
		gone := false
		switch name := e.Name(); {
		case isPartial(name):
			gone, err = removePartial(filepath.Join(dir, name))
		case strings.HasPrefix(name, ".") && e.Type().IsRegular():
			gone, err = removeVoid(dir, name)
		}
		if err != nil {
			return removed, err
		}
		if gone {
			removed = append(removed, e.Name())
		}
	}
	return removed, nil
}

func removePartial(dir string) (bool, error) {
	release, held, err := lockPartial(dir)
	if err != nil || !held {
		return false, err
	}
	defer release()
	return true, removeTree(dir)
}

// unfinished matches the temporary files of writeJSON.
var unfinished = regexp.MustCompile(`^\..*\.json[0-9]+$`)

// removeVoid removes a record whose tree does not exist, or the temporary file
// of a record whose writer was killed. Both are sure signs only while no other
// process publishes.
func removeVoid(dir, name string) (bool, error) {
	removed := false
	err := withLock(dir, 0o755, func(*os.File) error {
		if !unfinished.MatchString(name) {
			if void, err := isVoid(dir, name); err != nil || !void {
				return err
			}
		}
		err := os.Remove(filepath.Join(dir, name))
		removed = err == nil
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return err
	})
	return removed, err
}

// isVoid reports whether a hidden file is one of our records, of a tree that
// does not exist.
func isVoid(dir, name string) (bool, error) {
	tree, ok := strings.CutSuffix(strings.TrimPrefix(name, "."), ".json")
	if !ok {
		return false, nil
	}
	there, err := exists(filepath.Join(dir, tree))
	if err != nil || there {
		return false, err
	}
	var record struct{ Relationship string }
	return readJSON(filepath.Join(dir, name), &record) == nil && record.Relationship != "", nil
}

// collectIn runs collect while it holds the lock of a directory, if that exists.
func collectIn(dir string, perm fs.FileMode, collect func(dir string) ([]string, error)) (removed []string, err error) {
	if there, err := exists(dir); err != nil || !there {
		return nil, err
	}
	err = withLock(dir, perm, func(*os.File) error {
		removed, err = collect(dir)
		return err
	})
	return removed, err
}

// removeMatching removes the entries whose names match, with what is in them.
func removeMatching(dir string, match func(name string) bool) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var removed []string
	for _, e := range entries {
		if !match(e.Name()) {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return removed, err
		}
		removed = append(removed, e.Name())
	}
	return removed, nil
}

// syncDir makes the entries of a directory durable.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
