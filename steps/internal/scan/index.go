package scan

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/backube/scribe-gen/tree"
	"github.com/backube/scribe-gen/tree/manifest"
)

// The files of an index directory. A scan makes the next one; it becomes the
// index when its run is committed, or when a later run learns that it was.
const (
	indexFile = "index.zst"
	nextFile  = "next.zst"
)

// Want says which of the indexes in a directory is wanted: that of a recovery
// point, or at least that of the run that was committed last.
type Want struct{ Digest, Run string }

func (w Want) is(r *Record) bool {
	return r != nil && (w.Digest != "" && r.Digest == w.Digest || w.Run != "" && r.Run == w.Run)
}

// Peek returns the record of the index that a scan would read, or nil.
func Peek(dir string, want Want, log *slog.Logger) *Record {
	l := openLast(dir, want, log)
	if l == nil {
		return nil
	}
	defer l.close()
	return &l.record
}

// last is the index of the last run, read beside the walk. A nil last is empty.
type last struct {
	file   *os.File
	reader *manifest.Reader
	record Record
	entry  *manifest.Entry // the next one, nil at the end
	used   bool            // the entry was returned
}

// openLast opens the index that is wanted, or another one if it is not there.
// What cannot be used is as if it were not there.
func openLast(dir string, want Want, log *slog.Logger) *last {
	next, old := openLogged(filepath.Join(dir, nextFile), log), openLogged(filepath.Join(dir, indexFile), log)
	switch {
	case next == nil:
		return old
	case old != nil && want.is(&old.record) && !want.is(&next.record):
		next.close()
		return old
	}
	old.close()
	if want.is(&next.record) { // its run was committed after all
		if err := os.Rename(filepath.Join(dir, nextFile), filepath.Join(dir, indexFile)); err != nil {
			log.Warn("the index could not be kept", "error", err.Error())
		}
	}
	return next
}

func openLogged(path string, log *slog.Logger) *last {
	l, err := open(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Warn("an index cannot be used", "file", path, "error", err.Error())
	}
	return l
}

// open opens an index and checks all of it.
func open(path string) (*last, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	l := &last{file: f}
	if err := l.check(); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (l *last) check() (err error) {
	if l.record, err = readRecord(l.file); err != nil {
		return err
	}
	if l.record.Reader != self() {
		return errors.New("another user made it")
	}
	h := manifest.NewHasher()
	if _, err := h.ReadFrom(l.file); err != nil {
		return err
	}
	if sum, err := l.record.sum(h); err != nil || sum != l.record.Sum {
		return errors.New("it is not as it was written")
	}
	if _, err := l.file.Seek(recordSize, io.SeekStart); err != nil {
		return err
	}
	if l.reader, err = manifest.NewReader(l.file); err != nil {
		return err
	}
	return l.advance()
}

func (l *last) close() {
	if l == nil {
		return
	}
	l.reader.Close()
	_ = l.file.Close()
}

func (l *last) advance() error {
	e, err := l.reader.Next()
	switch {
	case errors.Is(err, io.EOF):
		e = nil
	case err != nil:
		return fmt.Errorf("read the index %s (remove it to go on without it): %w", l.file.Name(), err)
	}
	l.entry, l.used = e, false
	return nil
}

// before returns the next entry before path, or the next one at all if path is
// empty; nil when there is none. It is valid until the next call.
func (l *last) before(path string) (*manifest.Entry, error) {
	if l == nil {
		return nil, nil
	}
	if l.used {
		if err := l.advance(); err != nil {
			return nil, err
		}
	}
	if l.entry == nil || path != "" && manifest.Compare(l.entry.Path, path) >= 0 {
		return nil, nil
	}
	l.used = true
	return l.entry, nil
}

// knows reports whether the next entry is that of e, and e did not change since:
// its content, extended attributes and target are those of the entry.
func (l *last) knows(e *tree.Entry) bool {
	if l == nil || l.entry == nil || l.used || l.entry.Path != e.Path {
		return false
	}
	last := l.entry
	return last.Inode != 0 && last.Inode == e.Inode && last.ChangeTime == e.ChangeTime && last.ModTime == e.ModTime &&
		last.Size == e.Size && last.Mode&unix.S_IFMT == e.Mode&unix.S_IFMT
}

// at returns the entry of path, once all before it were returned; nil if there is
// none.
func (l *last) at(path string) *manifest.Entry {
	if l == nil || l.entry == nil || l.used || l.entry.Path != path {
		return nil
	}
	l.used = true
	return l.entry
}
