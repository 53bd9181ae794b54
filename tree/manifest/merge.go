package manifest

import (
	"cmp"
	"errors"
	"io"
)

// Compare orders paths as a walk of a tree and a manifest do: the root first, a
// directory before what is in it, the names in a directory bytewise. It returns
// -1, 0 or 1.
func Compare(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return compareAt(a, b, i)
		}
	}
	return cmp.Compare(len(a), len(b))
}

// compareAt orders two paths by the first byte in which they differ. A slash
// ends a name, so it comes before every byte that a name may hold.
func compareAt(a, b string, i int) int {
	switch {
	case a == ".":
		return -1
	case b == ".":
		return 1
	case a[i] == '/':
		return -1
	case b[i] == '/':
		return 1
	}
	return cmp.Compare(a[i], b[i])
}

// Entries are the entries of a tree in the order of Compare. A Reader has them,
// as may a walk.
type Entries interface {
	// Next returns the next entry, which is valid until the call after, or
	// io.EOF.
	Next() (*Entry, error)
}

// Merge calls fn for every path that is in one of two trees or in both, in the
// order of Compare; one entry is nil where that tree has no such path. Entries
// are valid during the call. It ends at the first error, which it returns as it
// is. A tree that is nil is empty.
func Merge(old, new Entries, fn func(old, new *Entry) error) error {
	a, err := next(old)
	if err != nil {
		return err
	}
	b, err := next(new)
	if err != nil {
		return err
	}
	for a != nil || b != nil {
		order := 0
		switch {
		case a == nil:
			order = 1
		case b == nil:
			order = -1
		default:
			order = Compare(a.Path, b.Path)
		}
		if err := fn(unless(order > 0, a), unless(order < 0, b)); err != nil {
			return err
		}
		if order <= 0 {
			if a, err = next(old); err != nil {
				return err
			}
		}
		if order >= 0 {
			if b, err = next(new); err != nil {
				return err
			}
		}
	}
	return nil
}

func unless(absent bool, e *Entry) *Entry {
	if absent {
		return nil
	}
	return e
}

// next returns nil at the end.
func next(entries Entries) (*Entry, error) {
	if entries == nil {
		return nil, nil
	}
	e, err := entries.Next()
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	return e, err
}

// Diff is Merge without the paths whose entries are the same in everything that
// counts.
func Diff(old, new Entries, fn func(old, new *Entry) error) error {
	return Merge(old, new, func(a, b *Entry) error {
		if a != nil && b != nil && a.Same(b) {
			return nil
		}
		return fn(a, b)
	})
}
