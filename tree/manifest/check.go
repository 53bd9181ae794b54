package manifest

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"golang.org/x/sys/unix"
)

// What an entry may hold. The limits are those of Linux, but for paths, which
// may be longer than what one system call takes.
const (
	maxPath   = 64<<10 - 1
	maxTarget = 4095
	maxName   = 255      // of an extended attribute
	maxValue  = 64 << 10 // of an extended attribute
	maxRanges = 1024
	maxKeep   = 4095     // of a layer or object
	maxLine   = 16 << 20 // with many large extended attributes
)

// check refuses an entry that no line stands for.
func check(e *Entry) error {
	if err := checkPath(e.Path); err != nil {
		return err
	}
	if err := checkType(e); err != nil {
		return err
	}
	if err := checkXattrs(e); err != nil {
		return err
	}
	if e.Link != "" {
		if err := checkLink(e); err != nil {
			return err
		}
	}
	if len(e.Layer) > maxKeep || len(e.Object) > maxKeep {
		return fmt.Errorf("layer or object longer than %d bytes", maxKeep)
	}
	return checkData(e)
}

// checkPath refuses what would lead out of the tree or name an entry twice.
func checkPath(path string) error {
	switch {
	case path == ".":
		return nil
	case path == "":
		return errors.New("empty path")
	case len(path) > maxPath:
		return fmt.Errorf("path of %d bytes: at most %d", len(path), maxPath)
	case strings.IndexByte(path, 0) >= 0:
		return errors.New("zero byte in a path")
	}
	for start := 0; start <= len(path); {
		end := len(path)
		if i := strings.IndexByte(path[start:], '/'); i >= 0 {
			end = start + i
		}
		if name := path[start:end]; name == "" || name == "." || name == ".." {
			return fmt.Errorf("path %q with the name %q in it", path, name)
		}
		start = end + 1
	}
	return nil
}

// checkType refuses what an entry of that type does not have.
func checkType(e *Entry) error {
	if typeLetter(e.Mode) == 0 || e.Mode&^(unix.S_IFMT|0o7777) != 0 {
		return fmt.Errorf("mode %#o is that of no directory entry", e.Mode)
	}
	switch {
	case e.IsSymlink() && (e.Target == "" || len(e.Target) > maxTarget || strings.IndexByte(e.Target, 0) >= 0):
		return fmt.Errorf("symbolic link to %.64q: want 1 to %d bytes without zero bytes", e.Target, maxTarget)
	case !e.IsSymlink() && e.Target != "":
		return errors.New("target of something that is no symbolic link")
	case !e.IsDevice() && e.Rdev != 0:
		return errors.New("device number of something that is no device")
	case e.Size < 0:
		return fmt.Errorf("size %d", e.Size)
	case !e.IsRegular() && (e.Size != 0 || !e.Hash.IsZero() || e.Data != nil):
		return errors.New("size, hash or data of something that is no regular file")
	}
	return nil
}

func checkXattrs(e *Entry) error {
	for i, x := range e.Xattrs {
		switch {
		case x.Name == "" || len(x.Name) > maxName || strings.IndexByte(x.Name, 0) >= 0:
			return fmt.Errorf("extended attribute %.300q: want a name of 1 to %d bytes without zero bytes", x.Name, maxName)
		case len(x.Value) > maxValue:
			return fmt.Errorf("extended attribute %q of %d bytes: at most %d", x.Name, len(x.Value), maxValue)
		case i > 0 && x.Name <= e.Xattrs[i-1].Name:
			return fmt.Errorf("extended attribute %q after %q: want them sorted, each once", x.Name, e.Xattrs[i-1].Name)
		}
	}
	return nil
}

func checkLink(e *Entry) error {
	if err := checkPath(e.Link); err != nil {
		return fmt.Errorf("link to: %w", err)
	}
	switch {
	case e.IsDir() || e.Link == ".":
		return errors.New("directory with two names")
	case Compare(e.Link, e.Path) >= 0:
		return fmt.Errorf("link to %q: want a path before the entry's own", e.Link)
	}
	return nil
}

func checkData(e *Entry) error {
	if len(e.Data) > maxRanges {
		return fmt.Errorf("%d ranges of data: at most %d", len(e.Data), maxRanges)
	}
	end := int64(-1)
	for _, r := range e.Data {
		if r.Offset <= end || r.Length <= 0 || r.Offset > math.MaxInt64-r.Length || r.End() > e.Size {
			return fmt.Errorf("data range at %d of %d bytes: want them in order, with holes between, within the file", r.Offset, r.Length)
		}
		end = r.End()
	}
	return nil
}

// sequence refuses entries that are not in the order of a walk, and those whose
// directory is not there. So nothing in a manifest can lead through a symbolic
// link.
type sequence struct {
	last  string
	dir   bool
	begun bool
}

func (s *sequence) next(e *Entry) error {
	switch {
	case !s.begun && (e.Path != "." || !e.IsDir()):
		return fmt.Errorf("first entry %q: want the root, a directory", e.Path)
	case s.begun && Compare(s.last, e.Path) >= 0:
		return fmt.Errorf("entry %q after %q: want them in order, each once", e.Path, s.last)
	case s.begun && !s.inside(parent(e.Path)):
		return fmt.Errorf("entry %q without its directory before it", e.Path)
	}
	s.last, s.dir, s.begun = e.Path, e.IsDir(), true
	return nil
}

// inside reports whether dir is the last entry, or one of the directories that
// lead to it. All of those came before.
func (s *sequence) inside(dir string) bool {
	switch {
	case dir == ".":
		return true
	case len(dir) == len(s.last):
		return s.dir && dir == s.last
	}
	return len(dir) < len(s.last) && s.last[len(dir)] == '/' && s.last[:len(dir)] == dir
}

func parent(path string) string {
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		return path[:i]
	}
	return "."
}
