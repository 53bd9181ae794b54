package survey

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/backube/scribe-gen/tree"
	"github.com/backube/scribe-gen/tree/at"
)

// links compares how files are linked at both sides. It remembers every path
// with several links, and nothing else.
type links struct {
	source  map[string]uint64
	replica map[inode][]string
}

func newLinks() *links {
	return &links{source: map[string]uint64{}, replica: map[inode][]string{}}
}

// want takes note that the source's path is a link of a group.
func (l *links) want(path string, group uint64) { l.source[path] = group }

// have takes note of a path of the replica.
func (l *links) have(e *tree.Entry) {
	key := inode{e.Dev, e.Inode}
	l.replica[key] = append(l.replica[key], e.Path)
}

// removeAll removes links of the replica; their content is sent again or linked
// again by what follows.
func removeAll(ctx context.Context, root string, paths []string) error {
	for _, path := range paths {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := remove(root, path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove the link %q, which the source does not have: %w", path, err)
		}
	}
	return nil
}

// wrong returns the links that join what the source keeps apart: writing to one
// file would change another. Of each file, the links of one of the source's
// groups stay: those of its first path.
func (l *links) wrong() []string {
	var paths []string
	for _, key := range slices.SortedFunc(maps.Keys(l.replica), compareInodes) {
		linked := l.replica[key]
		first, known := l.source[linked[0]]
		for _, path := range linked[1:] {
			group, ok := l.source[path]
			if !known || !ok || group != first {
				paths = append(paths, path)
			}
		}
	}
	return paths
}

func compareInodes(a, b inode) int {
	return cmp.Or(cmp.Compare(a.dev, b.dev), cmp.Compare(a.inode, b.inode))
}

// remove unlinks a path of any length below root.
func remove(root, path string) error {
	dir, err := at.OpenRoot(root)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(dir) }()
	parent, name, err := at.OpenParent(dir, path)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(parent) }()
	return unix.Unlinkat(parent, name, 0)
}
