package archive

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// entry is one entry of a layer: a directory, a file with its content, or a
// symbolic link with its target.
type entry struct {
	mode    fs.FileMode
	content []byte
	target  string
	// origin is the Debian package it comes from; empty for ours.
	origin string
}

// tree is the entries of a layer by their path, without a leading slash. Whoever
// adds an entry adds the directories above it.
type tree map[string]entry

func (t tree) add(name string, e entry) {
	name = strings.Trim(path.Clean(name), "/")
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if _, found := t[dir]; !found {
			t[dir] = entry{mode: fs.ModeDir | 0o755}
		}
	}
	t[name] = e
}

// text adds a file that everybody may read.
func (t tree) text(name, content string) {
	t.add(name, entry{mode: 0o644, content: []byte(content)})
}

// paths are the sorted paths; a directory stands before what is in it.
func (t tree) paths() []string { return slices.Sorted(maps.Keys(t)) }

// epoch is the date of every entry: a build at another time, or of files that
// were installed at another time, is the same layer.
var epoch = time.Unix(0, 0)

// tar is the uncompressed layer.
func (t tree) tar() ([]byte, error) {
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	for _, name := range t.paths() {
		e := t[name]
		// Owner and group are 0 unless they are set.
		h := &tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: int64(e.mode.Perm()), Size: int64(len(e.content)), ModTime: epoch}
		switch {
		case e.mode.IsDir():
			h.Name, h.Typeflag = name+"/", tar.TypeDir
			if e.mode&fs.ModeSticky != 0 {
				h.Mode |= 0o1000
			}
		case e.mode&fs.ModeSymlink != 0:
			h.Typeflag, h.Linkname = tar.TypeSymlink, e.target
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if _, err := w.Write(e.content); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return layer.Bytes(), w.Close()
}

// write makes the entries below dir, which must be absent or empty.
func (t tree) write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if found, err := os.ReadDir(dir); err != nil || len(found) > 0 {
		return errors.Join(err, fmt.Errorf("%s is not empty: name another directory, or remove it", dir))
	}
	for _, name := range t.paths() {
		if err := t[name].write(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

func (e entry) write(file string) error {
	var err error
	switch {
	case e.mode&fs.ModeSymlink != 0:
		return os.Symlink(e.target, file)
	case e.mode.IsDir():
		err = os.Mkdir(file, e.mode.Perm())
	default:
		err = os.WriteFile(file, e.content, e.mode.Perm())
	}
	if err != nil {
		return err
	}
	return os.Chmod(file, e.mode) // whatever the umask took away
}
