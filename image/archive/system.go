package archive

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
)

// system is an installed Debian system: its files and its package database.
type system struct {
	root     string
	packages *database
}

func openSystem(root string) (*system, error) {
	packages, err := openDatabase(root)
	if err != nil {
		return nil, err
	}
	return &system{root: root, packages: packages}, nil
}

// mostLinks is how many symbolic links a path may lead through, as in the kernel.
const mostLinks = 40

// take adds the file with its content to the tree, and each symbolic link on the
// way to it, so that the path leads to the file in the image as it does here. It
// returns the path without links. A file that differs from its package's is an
// error: what scanners read in the image must be true.
func (s *system) take(t tree, name string) (string, error) {
	rest, at := split(name), ""
	for links := 0; len(rest) > 0; {
		if rest[0] == ".." {
			at, rest = path.Dir("/" + at)[1:], rest[1:]
			continue
		}
		next := path.Join(at, rest[0])
		target, err := os.Readlink(s.path(next))
		if errors.Is(err, syscall.EINVAL) { // not a link
			at, rest = next, rest[1:]
			continue
		}
		if err != nil {
			return "", fmt.Errorf("find /%s: %w", next, err)
		}
		if links++; links > mostLinks {
			return "", fmt.Errorf("find %s: %w", name, syscall.ELOOP)
		}
		rest = rest[1:]
		link := entry{mode: fs.ModeSymlink | 0o777, target: target}
		if len(rest) == 0 {
			// Directories are in the lists of many packages, which have no other part in it.
			link.origin = s.packages.owner(next)
		}
		t.add(next, link)
		rest = append(split(target), rest...)
		if path.IsAbs(target) {
			at = ""
		}
	}
	return at, s.copy(t, at)
}

// copy adds the file at the path, which has no links in it.
func (s *system) copy(t tree, name string) error {
	info, err := os.Lstat(s.path(name))
	if err != nil {
		return fmt.Errorf("find /%s: %w", name, err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("/%s is not a file", name)
	}
	content, err := os.ReadFile(s.path(name))
	if err != nil {
		return fmt.Errorf("read /%s: %w", name, err)
	}
	owner := s.packages.owner(name)
	if owner == "" {
		return fmt.Errorf("/%s belongs to no Debian package: remove it, so that the packaged file is found", name)
	}
	if err := s.packages.verify(owner, name, content); err != nil {
		return err
	}
	t.add(name, entry{mode: info.Mode().Perm(), content: content, origin: owner})
	return nil
}

// path is where a file of the system is on this machine.
func (s *system) path(name string) string { return filepath.Join(s.root, name) }

// split returns the components of a path.
func split(name string) []string {
	return strings.FieldsFunc(name, func(r rune) bool { return r == '/' })
}
