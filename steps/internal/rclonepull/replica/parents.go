package replica

import (
	"strings"

	"golang.org/x/sys/unix"

	"github.com/backube/scribe-gen/tree/at"
)

// parents opens the directories of entries one after the other and keeps the
// last one open, as entries come directory by directory. The zero value is not
// usable: root must be an open directory.
type parents struct {
	root int
	open bool
	path string
	dir  int
}

// of returns the open directory of an entry, which stays open until the next
// call, and the entry's name in it.
func (p *parents) of(path string) (dir int, name string, err error) {
	parent := ""
	name = path
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		parent, name = path[:i], path[i+1:]
	}
	if p.open && p.path == parent {
		return p.dir, name, nil
	}
	p.close()
	if p.dir, name, err = at.OpenParent(p.root, path); err != nil {
		return -1, "", err
	}
	p.open, p.path = true, parent
	return p.dir, name, nil
}

func (p *parents) close() {
	if p.open {
		_ = unix.Close(p.dir)
		p.open = false
	}
}

// duplicate returns another descriptor of an open directory.
func duplicate(dir int) (int, error) {
	return unix.FcntlInt(uintptr(dir), unix.F_DUPFD_CLOEXEC, 0)
}
