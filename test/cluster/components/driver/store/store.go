// Package store keeps the volumes and snapshots of one directory, the root.
//
//	<root>/volumes/<id>           a volume's contents, to be read and written
//	<root>/volumes/<id>.ext4      its image, with backing image
//	<root>/volumes/<id>.json      its record, a [Volume]
//	<root>/snapshots/<id>         a snapshot's contents, read-only
//	<root>/snapshots/<id>.ext4    its image, instead, with backing image
//	<root>/snapshots/<id>.json    its record, a [Snapshot]
//	<root>/tmp/                   what is being made; emptied at start
//	<root>/lock                   held by the driver that uses the root
//
// A thing exists when its record does. The record is written last, by renaming,
// and removed first: contents without a record are what a killed call left, and
// go at the next start or when their name is asked for again.
package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/backube/scribe-gen/test/cluster/components/driver/backing"
)

// Kinds of backing.
const (
	// Tree is the default: a directory tree whose size is not enforced.
	Tree = "tree"
	// Image is an ext4 image whose size is enforced.
	Image = "image"
)

// ErrNotFound is returned, wrapped, when a volume or snapshot does not exist.
var ErrNotFound = errors.New("not found")

// Store is an open root. Its methods may be called at the same time, and again
// after they, or the process, ended at any instruction.
type Store struct {
	root  string
	tree  backing.Backing
	image backing.Image
	busy  *names
	lock  *os.File
}

// Open opens root, which is made when absent, removes what killed calls left and
// makes all volumes visible. Trees are held by tree. It returns the problems of
// single volumes, which do not keep the others from being used, as warnings. It
// fails when another process has the root open.
func Open(ctx context.Context, root string, tree backing.Backing) (s *Store, warnings []error, err error) {
	s = &Store{root: root, tree: tree, busy: newNames()}
	for _, dir := range []string{volumes, snapshots, tmp} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			return nil, nil, fmt.Errorf("make the root of the driver: %w", err)
		}
	}
	if s.lock, err = lockFile(filepath.Join(root, "lock")); err != nil {
		return nil, nil, err
	}
	return s, append(s.collect(), s.attachAll(ctx)...), nil
}

// Close lets another process open the root. Images stay mounted.
func (s *Store) Close() error { return s.lock.Close() }

// Root returns the directory below which all contents are.
func (s *Store) Root() string { return s.root }

// Directories below the root.
const (
	volumes   = "volumes"
	snapshots = "snapshots"
	tmp       = "tmp"
)

func (s *Store) path(dir, id string) string { return filepath.Join(s.root, dir, id) }

func (s *Store) kind(name string) backing.Backing {
	if name == Image {
		return s.image
	}
	return s.tree
}

// remove removes contents of either kind. The image goes first, so that no tree
// is removed through a mount point.
func (s *Store) remove(path string) error {
	if err := s.image.Remove(path); err != nil {
		return err
	}
	return s.tree.Remove(path)
}

// lockFile opens path and locks it until it is closed or the process ends.
func lockFile(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the root of the driver: %w", err)
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		file.Close()
		return nil, fmt.Errorf("lock %s: %w: another driver uses this root, stop it or choose another root", path, err)
	}
	return file, nil
}
