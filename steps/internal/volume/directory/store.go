// Package directory keeps volumes, replica snapshots, Secrets and state in a
// directory of this host, laid out as contract.Layout says. Copies and snapshots
// are file trees of their own; they share blocks with what they were made from
// where the file system can.
//
// A tree is published by renaming it: it is made as a hidden directory beside
// its final name, ".<name>.<random>.partial", which the maker keeps locked with
// flock(2). Its record is written next, the rename comes last. So a tree that has
// its final name is complete and has a record, a record without a tree is void,
// and a ".partial" that nobody locks was left by a killed process.
package directory

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/volume"
)

// Store is a directory site. Any number of processes may use one at a time.
type Store struct {
	layout contract.Layout
	log    *slog.Logger
}

var _ volume.Store = (*Store)(nil)

// Open returns the store in dir, which need not exist: what is missing is made
// when something is put there.
func Open(dir string, log *slog.Logger) (*Store, error) {
	if dir == "" {
		return nil, errors.New("open directory site: the directory's name is empty")
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open directory site %s: %w", dir, err)
	}
	if info, err := os.Stat(abs); err == nil && !info.IsDir() {
		return nil, fmt.Errorf("open directory site %s: it is not a directory", abs)
	}
	return &Store{layout: contract.Layout{Directory: abs}, log: log}, nil
}

// Layout says where the store keeps what.
func (s *Store) Layout() contract.Layout { return s.layout }

// checkNames reports a name that would lead outside the layout or collide with
// the store's own hidden files.
func checkNames(names ...string) error {
	for _, name := range names {
		if name == "" || strings.HasPrefix(name, ".") || strings.ContainsAny(name, "/\x00") || len(name) > 200 {
			return fmt.Errorf("name %q: must not be empty, begin with a dot, hold a slash or be longer than 200 bytes", name)
		}
	}
	return nil
}

// volume returns the directory of a claim that must exist.
func (s *Store) volume(claim string) (string, error) {
	if err := checkNames(claim); err != nil {
		return "", err
	}
	dir := s.layout.Volume(claim)
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("claim %s: %w: the directory %s is expected", claim, volume.ErrNotFound, dir)
	case err != nil:
		return "", fmt.Errorf("claim %s: %w", claim, err)
	case !info.IsDir():
		return "", fmt.Errorf("claim %s: %s is not a directory", claim, dir)
	}
	return dir, nil
}

// exists reports whether there is anything of that path.
func exists(path string) (bool, error) {
	_, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// withLock runs do while it holds the exclusive lock of a directory, which it
// makes if it is absent. Locks are held for moments only, so that waiting for
// one needs no deadline.
func withLock(dir string, perm fs.FileMode, do func(f *os.File) error) error {
	if err := os.MkdirAll(dir, perm); err != nil {
		return err
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	for {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("lock %s: %w", dir, err)
	}
	return do(f)
}
