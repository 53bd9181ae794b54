package objectstore

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/hash"
	"github.com/rclone/rclone/fs/object"

	"github.com/backube/scribe-gen/tree/manifest"
)

const (
	// inMemory is up to which size content is read before it is sent: so its
	// MD5 can go first, and a repetition need not read it again.
	inMemory = 1 << 20
	// inParts is from which size rclone uploads in parts, with a check of its
	// own for each.
	inParts = 200 << 20
)

// Content is the content of a file.
type Content struct {
	// Path is that of the file in the tree.
	Path string
	// Size is how many bytes Open has.
	Size int64
	// ModTime is kept with the object, for plain rclone.
	ModTime time.Time
	// Open may be called several times, one after the other.
	Open func() (io.ReadCloser, error)
}

// Stored is content that was stored.
type Stored struct {
	// Object is what the entry of a manifest must hold to name it.
	Object string
	// Hash is of what was stored.
	Hash manifest.Hash
}

// Put stores the content of a file in a layer, over what an earlier attempt
// left there. It is read once, and again for every repetition if it is larger
// than 1 MiB. The error wraps ErrChanged where Size was not what there was.
func (s *Store) Put(ctx context.Context, layer string, c Content) (Stored, error) {
	object, _ := s.ObjectName(c.Path)
	name, err := at(layer, object, c.Path)
	if err != nil {
		return Stored{}, err
	}
	h, err := s.store(ctx, name, c)
	if err != nil {
		return Stored{}, s.failed(err, "store %q in %s", c.Path, s.name)
	}
	return Stored{Object: object, Hash: h}, nil
}

// PutManifest stores a manifest from a file, over what an earlier attempt left
// under the name. It may refer to objects of the layer of that name and to those
// that its parent generation's manifest refers to, and to no others.
func (s *Store) PutManifest(ctx context.Context, name, file string) error {
	info, err := os.Stat(file)
	if err != nil {
		return fmt.Errorf("store manifest %s: %w", name, err)
	}
	c := Content{Path: file, Size: info.Size(), ModTime: info.ModTime(), Open: func() (io.ReadCloser, error) { return os.Open(file) }}
	_, err = s.store(ctx, dirManifests+"/"+name+manifestSuffix, c)
	return s.failed(err, "store manifest %s in %s", name, s.name)
}

func (s *Store) store(ctx context.Context, name string, c Content) (manifest.Hash, error) {
	if c.Size > inMemory {
		if c.Size >= inParts {
			if err := s.large.Acquire(ctx, 1); err != nil {
				return manifest.Hash{}, err
			}
			defer s.large.Release(1)
		}
		return again(ctx, s, "store "+name, func() (manifest.Hash, error) { return s.stream(ctx, name, c) })
	}
	data, err := c.read()
	if err != nil {
		return manifest.Hash{}, err
	}
	return again(ctx, s, "store "+name, func() (manifest.Hash, error) {
		_, err := s.send(ctx, name, data, c.ModTime)
		return s.hash(data), err
	})
}

// read reads small content.
func (c Content) read() ([]byte, error) {
	in, err := c.Open()
	if err != nil {
		return nil, err
	}
	defer func() { _ = in.Close() }()
	data := make([]byte, c.Size+1) // one more tells whether it has grown
	switch n, err := io.ReadFull(in, data); {
	case err == nil:
		return nil, fmt.Errorf("%w: it has more than %d bytes", ErrChanged, c.Size)
	case !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return nil, err
	case int64(n) < c.Size:
		return nil, fmt.Errorf("%w: it has %d bytes, not %d", ErrChanged, n, c.Size)
	}
	return data[:c.Size], nil
}

// hash is the hash of small content. A new hasher for each file would cost more
// than the file.
func (s *Store) hash(data []byte) manifest.Hash {
	h, _ := s.hashers.Get().(*manifest.Hasher)
	if h == nil {
		h = manifest.NewHasher()
	}
	defer s.hashers.Put(h)
	h.Reset()
	_, _ = h.Write(data)
	return h.Sum()
}

// send stores what is in memory, in one attempt.
func (s *Store) send(ctx context.Context, name string, data []byte, modTime time.Time, options ...fs.OpenOption) (fs.Object, error) {
	if err := s.wait(ctx, len(data)); err != nil {
		return nil, err
	}
	sum := md5.Sum(data)
	sums := map[hash.Type]string{hash.MD5: hex.EncodeToString(sum[:])}
	info := object.NewStaticObjectInfo(name, modTime, int64(len(data)), true, sums, s.backend)
	o, err := s.backend.Put(s.Context(ctx), bytes.NewReader(data), info, options...)
	s.bytes.Add(int64(len(data)))
	if err != nil {
		return nil, err
	}
	return o, s.verify(ctx, o, int64(len(data)), sums[hash.MD5])
}

// stream stores a large file, in one attempt.
func (s *Store) stream(ctx context.Context, name string, c Content) (manifest.Hash, error) {
	file, err := c.Open()
	if err != nil {
		return manifest.Hash{}, err
	}
	defer func() { _ = file.Close() }()
	in := &source{ctx: ctx, store: s, in: file, left: c.Size, blake: manifest.NewHasher()}
	if c.Size < inParts && s.hasMD5() {
		in.md5 = md5.New()
	}
	info := object.NewStaticObjectInfo(name, c.ModTime, c.Size, true, map[hash.Type]string{}, s.backend)
	o, err := s.backend.Put(s.Context(ctx), in, info)
	if err == nil {
		err = in.end()
	}
	switch {
	case in.err != nil:
		return manifest.Hash{}, in.err
	case err != nil:
		return manifest.Hash{}, err
	}
	sum := ""
	if in.md5 != nil {
		sum = hex.EncodeToString(in.md5.Sum(nil))
	}
	return in.blake.Sum(), s.verify(ctx, o, c.Size, sum)
}

// hasMD5 reports whether the store tells the MD5 of an object without reading
// it.
func (s *Store) hasMD5() bool {
	return s.backend.Hashes().Contains(hash.MD5) && !s.backend.Features().SlowHash
}

// errCorrupt is for what arrived otherwise than it was sent.
var errCorrupt = errors.New("the store has not what was sent")

// verify compares what a store says of an object with what was sent.
func (s *Store) verify(ctx context.Context, o fs.Object, size int64, sum string) error {
	if got := o.Size(); got >= 0 && got != size {
		return fmt.Errorf("%w: %d bytes of %d", errCorrupt, got, size)
	}
	if sum == "" || !s.hasMD5() {
		return nil
	}
	got, err := o.Hash(s.Context(ctx), hash.MD5)
	if err != nil {
		return err
	}
	if got != "" && got != sum {
		return fmt.Errorf("%w: MD5 %s, not %s", errCorrupt, got, sum)
	}
	return nil
}
