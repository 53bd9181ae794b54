package rclonepush

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/backube/scribe-gen/steps/internal/objectstore"
	"github.com/backube/scribe-gen/steps/internal/scan"
	"github.com/backube/scribe-gen/tree/manifest"
)

// place sees to it that the content of a file is in the store, and notes where:
// where the latest generation has it, under the file's name or another, or else in
// this push's layer.
func (u *upload) place(ctx context.Context, it *scan.Item) error {
	it.Layer, it.Object = "", "" // the index's may be of a generation that is gone
	if it.Size == 0 {
		it.Hash = u.nothing
		return nil
	}
	old := u.before(it)
	if old != nil && !kept(old) {
		old = nil
	}
	if !it.Known && (old != nil && old.Size == it.Size || u.moved.mayHold(it.Size)) {
		if err := u.hash(ctx, it, nil); err != nil {
			return err
		}
	}
	if !it.Hash.IsZero() {
		if old != nil && old.Hash == it.Hash {
			it.Layer, it.Object = old.Layer, old.Object
			u.told.Add(it.Size, 0, 0)
			return nil
		}
		if at, ok := u.moved.find(it.Hash, it.Size); ok {
			it.Layer, it.Object = at.layer, at.object
			u.told.Add(it.Size, 0, 0)
			return nil
		}
	}
	return u.put(ctx, it)
}

// hash reads the file to know its content. It is written to sum, too, a hash of
// another kind, if there is one.
func (u *upload) hash(ctx context.Context, it *scan.Item, sum hash.Hash) error {
	hasher := u.hashers.Get().(*manifest.Hasher)
	defer u.hashers.Put(hasher)
	return it.Read(ctx, func(f *os.File) error {
		in := u.passage(ctx, it, f)
		defer func() { _ = in.Close() }()
		hasher.Reset()
		from := io.Reader(in)
		if sum != nil {
			sum.Reset()
			from = io.TeeReader(in, sum)
		}
		if _, err := hasher.ReadFrom(from); err != nil {
			return err
		}
		it.Hash = hasher.Sum()
		return nil
	})
}

// passage reads a file from its start, as many bytes as it is known to have.
func (u *upload) passage(ctx context.Context, it *scan.Item, f *os.File) *passage {
	return &passage{ctx: ctx, in: io.NewSectionReader(f, 0, it.Size), progress: u.told}
}

// put uploads the content into this push's layer, unless an earlier attempt of the
// run has done so.
func (u *upload) put(ctx context.Context, it *scan.Item) error {
	resumed, err := u.begin()
	if err != nil {
		return ofStore(err)
	}
	if resumed {
		if done, err := u.left.has(ctx, it); err != nil || done {
			return err
		}
	}
	var stored objectstore.Stored
	var changed error
	err = it.Read(ctx, func(f *os.File) (err error) {
		stored, err = u.send(ctx, it, f)
		// What changed is read again, if that is how the source is.
		if changed = nil; errors.Is(err, objectstore.ErrChanged) {
			changed, err = err, nil
		}
		return err
	})
	if err == nil {
		err = changed
	}
	if err != nil {
		return fmt.Errorf("upload: %w", err)
	}
	if it.Hash, it.Object = stored.Hash, stored.Object; it.Size == 0 {
		return nil
	}
	it.Layer = u.name
	u.uploaded.Add(it.Size)
	u.told.Add(it.Size, 1, 0)
	return nil
}

// send uploads the content of an open file.
func (u *upload) send(ctx context.Context, it *scan.Item, f *os.File) (objectstore.Stored, error) {
	if it.Size == 0 { // since the walk
		return objectstore.Stored{Hash: u.nothing}, nil
	}
	stored, err := u.store.Put(ctx, u.name, objectstore.Content{
		Path: it.Path, Size: it.Size, ModTime: time.Unix(0, it.ModTime),
		Open: func() (io.ReadCloser, error) { return u.passage(ctx, it, f), nil },
	})
	return stored, ofStore(err)
}

// ofStore keeps what is missing in the store from being taken for a file that
// vanished from a live source.
func ofStore(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New(err.Error())
	}
	return err
}
