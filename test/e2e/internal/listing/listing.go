// Package listing compares file trees that cannot be seen from one process: each
// is listed where it is, as lines of JSON with every attribute that a replica must
// keep and a digest of each file's content, and the listings are compared. How
// much space sparse files take is not in them; all else is as in package tree.
package listing

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/backube/scribe-gen/tree"
	"github.com/backube/scribe-gen/tree/at"
)

// ErrCut is returned, wrapped, for a listing that does not have all its lines.
var ErrCut = errors.New("the listing is cut short")

// Entry is one entry of a tree. Names are bytes, as JSON text cannot hold all of
// them.
type Entry struct {
	Path []byte `json:"path"`
	// Mode is st_mode of stat(2).
	Mode uint32 `json:"mode"`
	UID  uint32 `json:"uid"`
	GID  uint32 `json:"gid"`
	Size int64  `json:"size"`
	// ModTime is in nanoseconds since the epoch.
	ModTime int64   `json:"modTime"`
	Rdev    uint64  `json:"rdev,omitempty"`
	Target  []byte  `json:"target,omitempty"`
	Xattrs  []Xattr `json:"xattrs,omitempty"`
	// First is the first path, in the order of the listing, of a file that has
	// several; empty for others.
	First []byte `json:"first,omitempty"`
	// SHA256 is the digest of a regular file's content.
	SHA256 []byte `json:"sha256,omitempty"`
}

// Xattr is an extended attribute or a POSIX ACL.
type Xattr struct {
	Name  []byte `json:"name"`
	Value []byte `json:"value"`
}

// line is an entry or, at the end, how many there were.
type line struct {
	Entry   *Entry `json:"entry,omitempty"`
	Entries *int   `json:"entries,omitempty"`
}

// Write lists the tree at root, without the lost+found of its file system.
func Write(out io.Writer, root string) error {
	buffered := bufio.NewWriter(out)
	lines, count := json.NewEncoder(buffered), 0
	l := lister{first: map[file]string{}}
	err := tree.Walker{SkipLostFound: true}.Visit(root, func(e tree.Entry, dir int, name string) error {
		entry, err := l.entry(e, dir, name)
		if err != nil {
			return fmt.Errorf("list %q: %w", e.Path, err)
		}
		count++
		return lines.Encode(line{Entry: &entry})
	})
	if err != nil {
		return err
	}
	return errors.Join(lines.Encode(line{Entries: &count}), buffered.Flush())
}

// Read reads what Write wrote.
func Read(in io.Reader) ([]Entry, error) {
	var all []Entry
	for lines := json.NewDecoder(in); ; {
		var l line
		switch err := lines.Decode(&l); {
		case errors.Is(err, io.EOF):
			return nil, fmt.Errorf("%w after %d entries", ErrCut, len(all))
		case err != nil:
			return nil, fmt.Errorf("read listing after %d entries: %w", len(all), err)
		case l.Entry != nil:
			all = append(all, *l.Entry)
		case l.Entries != nil && *l.Entries == len(all):
			return all, nil
		default:
			return nil, fmt.Errorf("%w: %d entries were read", ErrCut, len(all))
		}
	}
}

// file identifies a file, whatever its names.
type file struct{ dev, inode uint64 }

// lister knows the first names of files that have several.
type lister struct{ first map[file]string }

func (l lister) entry(e tree.Entry, dir int, name string) (Entry, error) {
	entry := Entry{
		Path: []byte(e.Path), Mode: e.Mode, UID: e.UID, GID: e.GID, Size: e.Size,
		ModTime: e.ModTime, Rdev: e.Rdev, Target: []byte(e.Target),
	}
	for _, x := range e.Xattrs {
		entry.Xattrs = append(entry.Xattrs, Xattr{Name: []byte(x.Name), Value: []byte(x.Value)})
	}
	if e.Linked() {
		id := file{e.Dev, e.Inode}
		if _, ok := l.first[id]; !ok {
			l.first[id] = e.Path
		}
		entry.First = []byte(l.first[id])
	}
	var err error
	if e.IsRegular() {
		entry.SHA256, err = digest(dir, name)
	}
	return entry, err
}

// digest reads a file of an open directory, whose path may be of any length.
func digest(dir int, name string) ([]byte, error) {
	fd, err := at.OpenFile(dir, name)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), name)
	hash := sha256.New()
	_, err = io.Copy(hash, f)
	return hash.Sum(nil), errors.Join(err, f.Close())
}
