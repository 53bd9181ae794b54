package rclonepush

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"path"
	"sync"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/objectstore"
	"github.com/backube/scribe-gen/steps/internal/scan"
)

// directoriesKept bounds how many directories of leftovers are held in memory. A
// walk comes back to a directory's files from its sub-directories.
const directoriesKept = 256

// leftovers is what earlier attempts of the run have uploaded.
type leftovers struct {
	*upload
	mu          sync.Mutex
	directories map[string]*listing
}

// listing is one directory of a layer, listed once.
type listing struct {
	once    sync.Once
	objects map[string]objectstore.Object
	err     error
}

func newLeftovers(u *upload) *leftovers {
	return &leftovers{upload: u, directories: map[string]*listing{}}
}

// has reports whether the content of a file was uploaded by an earlier attempt; if
// so, it notes where.
func (l *leftovers) has(ctx context.Context, it *scan.Item) (bool, error) {
	left, err := l.directory(ctx, path.Dir(it.Path))
	if err != nil {
		return false, err
	}
	object, ok := left[it.Path]
	live := l.args.Method == contract.MethodDirect
	if !ok || object.Size != it.Size || object.MD5 == "" && live {
		return false, nil
	}
	sum := md5.New()
	if err := l.hash(ctx, it, sum); err != nil {
		return false, err
	}
	if object.Size != it.Size || object.MD5 != "" && object.MD5 != hex.EncodeToString(sum.Sum(nil)) {
		return false, nil
	}
	it.Layer = l.name
	it.Object, _ = l.store.ObjectName(it.Path)
	l.told.Add(it.Size, 0, 0)
	return true, nil
}

// directory lists what the layer has of a directory.
func (l *leftovers) directory(ctx context.Context, dir string) (map[string]objectstore.Object, error) {
	l.mu.Lock()
	found := l.directories[dir]
	if found == nil {
		if len(l.directories) >= directoriesKept {
			clear(l.directories)
		}
		found = &listing{}
		l.directories[dir] = found
	}
	l.mu.Unlock()
	found.once.Do(func() { found.objects, found.err = l.store.Uploaded(ctx, l.name, dir) })
	if found.err != nil {
		return nil, fmt.Errorf("look for what an earlier attempt uploaded: %w", ofStore(found.err))
	}
	return found.objects, nil
}
