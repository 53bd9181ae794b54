package rclonepush

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/backube/scribe-gen/steps/internal/objectstore"
	"github.com/backube/scribe-gen/tree/manifest"
)

// fetchManifest brings the manifest of a generation into a file, and checks that
// it is the one that was committed.
func fetchManifest(ctx context.Context, store *objectstore.Store, g *objectstore.Generation, file string) error {
	in, err := store.Manifest(ctx, g.Name)
	if err != nil {
		return fmt.Errorf("fetch the manifest of generation %d: %w", g.Number, err)
	}
	defer func() { _ = in.Close() }()
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("fetch the manifest of generation %d: %w", g.Number, err)
	}
	return nil
}

// beside reads the manifest of the latest generation beside a walk of the source,
// which has the same order.
type beside struct {
	file   *os.File
	reader *manifest.Reader
	entry  *manifest.Entry // the next one; nil at the end
	// gone is called for entries that the walk does not have.
	gone func(*manifest.Entry) error
}

// readBeside opens a manifest; an empty name is one without entries.
func readBeside(name string, gone func(*manifest.Entry) error) (*beside, error) {
	b := &beside{gone: gone}
	if name == "" {
		return b, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	b.file = f
	if b.reader, err = manifest.NewReader(f); err == nil {
		err = b.next()
	}
	if err != nil {
		b.close()
		return nil, fmt.Errorf("read the manifest of the latest generation: %w", err)
	}
	return b, nil
}

func (b *beside) close() {
	b.reader.Close()
	if b.file != nil {
		_ = b.file.Close()
	}
}

func (b *beside) next() (err error) {
	b.entry, err = b.reader.Next()
	if errors.Is(err, io.EOF) {
		b.entry, err = nil, nil
	}
	return err
}

// at returns the entry of a path, nil if there is none. Paths must come in their
// order. The entry is the caller's.
func (b *beside) at(path string) (*manifest.Entry, error) {
	for b.entry != nil {
		switch order := manifest.Compare(b.entry.Path, path); {
		case order > 0:
			return nil, nil
		case order == 0:
			e := *b.entry
			e.Xattrs, e.Data = slices.Clone(e.Xattrs), slices.Clone(e.Data)
			return &e, b.next()
		}
		if err := b.pass(); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// rest passes over what is left after the walk. Only then is the manifest known
// to be whole.
func (b *beside) rest() error {
	for b.entry != nil {
		if err := b.pass(); err != nil {
			return err
		}
	}
	return nil
}

func (b *beside) pass() error {
	if b.gone != nil {
		if err := b.gone(b.entry); err != nil {
			return err
		}
	}
	return b.next()
}
