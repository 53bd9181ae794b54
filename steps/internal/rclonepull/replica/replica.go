// Package replica makes a directory equal to a manifest: it finds out what
// differs, content included, before it changes anything, and then fetches only
// that. It knows nothing of where the content comes from, nor of what becomes
// of the directory afterwards.
//
// No file is ever changed in place: new content is written to a file of its
// own, checked against the manifest, and given its name when all of it is
// right. So hard links are never written through, and at every moment each name
// stands for the old file or for the new one. Whoever is killed leaves a mixture
// of both and some temporary files; the next plan finds them by comparing anew.
package replica

import (
	"context"
	"io"
	"log/slog"
	"strings"

	"github.com/backube/scribe-gen/steps/internal/protocol"
)

// Replica is a directory that is to become equal to a manifest. Nobody else may
// write to it from the plan until it is applied.
type Replica struct {
	// Root is the directory. The lost+found directory in it is left alone.
	Root string
	// Manifest is the file of the manifest, Digest what its digest must be.
	Manifest, Digest string
	// Keeps is what this process may keep of files.
	Keeps protocol.Keeps
	// Filter names what is never changed or removed at the replica; nil for
	// nothing.
	Filter Filter
	// Temp is a directory for the plan's files: a byte for every entry of the
	// manifest, and the paths that are to be removed.
	Temp string
	// BeforeWrite is called before anything is written to the directory, at least
	// once; an error ends everything.
	BeforeWrite func(ctx context.Context) error
	// Compared, which may be nil, is called with the bytes and the files that were
	// compared since it was called last.
	Compared func(bytes, files int64)
	Log      *slog.Logger
}

// Filter says what a pull leaves alone.
type Filter interface {
	// Excluded reports whether the entry at path, or a directory it is in, is left
	// out.
	Excluded(path string, dir bool) bool
}

// Content is where the content of files comes from.
type Content interface {
	// Get returns length bytes at offset, or all from there when length is
	// negative, of the content that the manifest says is in the layer under that
	// object or, where it names none, path. An error that wraps fs.ErrNotExist
	// means that trying again is of no use.
	Get(ctx context.Context, layer, object, path string, offset, length int64) (io.ReadCloser, error)
}

// protects reports whether the filters exclude an entry.
func (r Replica) protects(path string, dir bool) bool {
	return r.Filter != nil && path != "." && r.Filter.Excluded(path, dir)
}

// workers is how many files are hashed at the same time.
const workers = 2

// A temporary name cannot be told from a user's by its form alone, but is
// unlikely enough: a file of such a name that the manifest has is kept.
const (
	temporaryPrefix = ".scribe-pull-"
	temporarySuffix = ".partial"
	temporaryLength = len(temporaryPrefix) + 16 + len(temporarySuffix)
)

// isTemporary reports whether a name is one that a pull makes for a moment.
func isTemporary(name string) bool {
	return len(name) == temporaryLength && strings.HasPrefix(name, temporaryPrefix) && strings.HasSuffix(name, temporarySuffix)
}
