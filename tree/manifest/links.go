package manifest

import "github.com/backube/scribe-gen/tree"

// Links finds the names of one file during a walk. It remembers only the files
// of which not all names were seen yet. It is not safe for concurrent use.
type Links struct {
	open map[file]*names
}

type file struct{ dev, inode uint64 }

type names struct {
	first string
	seen  uint64
}

// NewLinks returns a Links that has seen nothing.
func NewLinks() *Links { return &Links{open: map[file]*names{}} }

// First takes the next entry of the walk. For a further name of a file it
// returns the file's first name and true; for a first or only name an empty
// string and false. So the result is what Entry.Link holds.
func (l *Links) First(e *tree.Entry) (first string, again bool) {
	if !e.Linked() {
		return "", false
	}
	key := file{e.Dev, e.Inode}
	group, again := l.open[key]
	if !again {
		l.open[key] = &names{first: e.Path, seen: 1}
		return "", false
	}
	if group.seen++; group.seen >= e.Links {
		delete(l.open, key)
	}
	return group.first, true
}
