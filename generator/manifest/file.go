package manifest

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
)

// errForeign says that a file is in the way that scribe-gen did not write.
var errForeign = errors.New("scribe-gen did not write this file")

// file is content on its way to the disk.
type file struct {
	path       string
	data       []byte
	pending    *renameio.PendingFile
	unchanged  bool
	newSiteDir bool
}

// newFile looks at what is in the place of a file. What does not begin with the
// header is errForeign.
func newFile(path, header string, data []byte) (*file, error) {
	f := &file{path: path, data: data}
	old, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return f, nil
	case err != nil:
		return f, err
	case !bytes.HasPrefix(old, []byte(header)):
		return f, errForeign
	}
	f.unchanged = bytes.Equal(old, data)
	return f, nil
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
	if f.pending == nil {
		return nil
	}
	return f.pending.Cleanup()
}

// discardDir removes the directory that stage made if it stayed empty.
func (f *file) discardDir() {
	if f.newSiteDir {
		_ = os.Remove(filepath.Dir(f.path)) // the error says that it did not
	}
}
