package transfer

import (
	"github.com/backube/scribe-gen/steps/internal/scan"
	"github.com/backube/scribe-gen/tree/manifest"
)

// links follows files with several names. rsync links only what it is given
// together, so all names of a file of which one differs are named. It remembers
// what changed, and nothing else.
type links struct {
	// touched are the files, by their first names, of which a name differs.
	touched map[string]bool
	// left are the names that do not belong to the file any more that they belonged
	// to in the index: by that file's first name, the first names of those they
	// belong to now.
	left map[string][]string
	// odd is set when such a name is no regular file: rsync would not make it anew.
	odd bool
}

// firstOf is the first name of the entry's file.
func firstOf(e *manifest.Entry) string {
	if e.Link != "" {
		return e.Link
	}
	return e.Path
}

func (l *links) note(it *scan.Item, differs bool) {
	first := firstOf(&it.Entry)
	if differs && it.Found.Linked() {
		l.touched = set(l.touched, first, true)
	}
	if old := it.Last; old != nil && old.Link != "" && old.Link != it.Link {
		l.left = set(l.left, old.Link, append(l.left[old.Link], first))
		l.odd = l.odd || !it.IsRegular() && it.Mode&^0o7777 == old.Mode&^0o7777
	}
}

func set[V any](m map[string]V, key string, value V) map[string]V {
	if m == nil {
		m = map[string]V{}
	}
	m[key] = value
	return m
}

// complete names all names of the touched files. It reports whether names that
// were one file are several now: at the replica they are still one, and rsync
// would leave them so, or write through one to the other, unless it writes what it
// sends anew.
func (l *links) complete(result *scan.Result, name func(*manifest.Entry)) (separated bool, err error) {
	if len(l.touched) == 0 && len(l.left) == 0 {
		return false, nil
	}
	err = result.Each(func(e *manifest.Entry) error {
		first := firstOf(e)
		if l.touched[first] {
			name(e)
		}
		if left := l.left[e.Path]; left != nil {
			l.left[e.Path] = append(left, first)
		}
		return nil
	})
	for _, firsts := range l.left {
		for _, first := range firsts {
			separated = separated || first != firsts[0]
		}
	}
	return separated, err
}
