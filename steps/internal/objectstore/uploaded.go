package objectstore

import (
	"context"
	"strings"

	"github.com/rclone/rclone/fs/hash"
)

// Object is what an interrupted push left of a file.
type Object struct {
	// Size is in bytes.
	Size int64
	// MD5 is in lower hex; empty where the store does not tell it, as with
	// encryption and of what was uploaded in parts.
	MD5 string
}

// Uploaded lists what is in one directory of a layer, by the path in the tree;
// dir is "." for the root. Content that is not stored under its path is not
// listed: it is stored again.
func (s *Store) Uploaded(ctx context.Context, layer, dir string) (map[string]Object, error) {
	root := dirFiles + "/" + layer
	where := root
	if dir != "." && dir != "" {
		where += "/" + dir
	}
	objects, err := s.list(ctx, where)
	if err != nil {
		return nil, err
	}
	left := make(map[string]Object, len(objects))
	known := s.backend.Hashes().Contains(hash.MD5)
	for _, o := range objects {
		found := Object{Size: o.Size()}
		if known && found.Size < inParts {
			if found.MD5, err = o.Hash(s.Context(ctx), hash.MD5); err != nil {
				return nil, s.failed(err, "read the hash of %s in %s", o.Remote(), s.name)
			}
		}
		left[strings.TrimPrefix(o.Remote(), root+"/")] = found
	}
	return left, nil
}
