// Package sample makes file trees to try replication on: plausible volumes of
// any size, a small tree that holds everything a replica must keep, and the
// changes that happen between two runs. Contents and names follow from a seed.
package sample

import (
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/backube/scribe-gen/tree"
	"github.com/backube/scribe-gen/tree/at"
)

// maker makes entries below a root. The first error stops it: every later call
// does nothing. Paths may have any length.
type maker struct {
	root *os.Root
	dir  *os.File
	rng  *rand.Rand
	err  error
}

func newMaker(root string, rng *rand.Rand) (*maker, error) {
	if err := os.MkdirAll(root, 0o755); err != nil {
		return nil, err
	}
	r, err := os.OpenRoot(root)
	if err != nil {
		return nil, err
	}
	dir, err := r.Open(".")
	if err != nil {
		_ = r.Close()
		return nil, err
	}
	return &maker{root: r, dir: dir, rng: rng}, nil
}

func (m *maker) close() {
	_ = m.dir.Close()
	_ = m.root.Close()
}

func (m *maker) try(what, path string, do func() error) {
	if m.err != nil {
		return
	}
	if err := do(); err != nil {
		m.err = fmt.Errorf("%s %q: %w", what, path, err)
	}
}

// at runs do with the open directory of an entry and its name there.
func (m *maker) at(what, path string, do func(dir int, name string) error) {
	m.try(what, path, func() error {
		dir, name, err := at.OpenParent(int(m.dir.Fd()), path)
		if err != nil {
			return err
		}
		defer unix.Close(dir)
		return do(dir, name)
	})
}

func (m *maker) mkdir(path string) {
	m.try("mkdir", path, func() error { return m.root.MkdirAll(path, 0o755) })
}

func (m *maker) file(path string, content []byte) {
	m.try("write", path, func() error { return m.root.WriteFile(path, content, 0o644) })
}

func (m *maker) text(path, content string) { m.file(path, []byte(content)) }

func (m *maker) random(path string, size int) { m.file(path, noise(m.rng, size)) }

// sparse makes a file of holes with the content at each offset.
func (m *maker) sparse(path string, size int64, data map[int64][]byte) {
	m.try("write", path, func() error {
		f, err := m.root.Create(path)
		if err != nil {
			return err
		}
		defer f.Close()
		for offset, b := range data {
			if _, err := f.WriteAt(b, offset); err != nil {
				return err
			}
		}
		return f.Truncate(size)
	})
}

func (m *maker) link(old, path string) {
	m.try("link", path, func() error { return m.root.Link(old, path) })
}

func (m *maker) symlink(target, path string) {
	m.at("symlink", path, func(dir int, name string) error { return unix.Symlinkat(target, dir, name) })
}

func (m *maker) node(path string, mode uint32, rdev uint64) {
	m.at("mknod", path, func(dir int, name string) error { return unix.Mknodat(dir, name, mode, int(rdev)) })
	m.chmod(path, mode&0o7777) // whatever the umask
}

func (m *maker) chmod(path string, mode uint32) {
	m.at("chmod", path, func(dir int, name string) error { return unix.Fchmodat(dir, name, mode, 0) })
}

func (m *maker) chown(path string, uid, gid int) {
	m.at("chown", path, func(dir int, name string) error {
		return unix.Fchownat(dir, name, uid, gid, unix.AT_SYMLINK_NOFOLLOW)
	})
}

func (m *maker) xattr(path, name string, value []byte) {
	m.at("set "+name+" of", path, func(dir int, base string) error {
		return unix.Lsetxattr(at.Path(dir, base), name, value, 0)
	})
}

// modified sets the modification time of an entry, also of a symbolic link.
func (m *maker) modified(path string, t time.Time) {
	m.at("set time of", path, func(dir int, name string) error { return setTime(dir, name, t) })
}

func setTime(dir int, name string, t time.Time) error {
	stamp := unix.NsecToTimespec(t.UnixNano())
	return unix.UtimesNanoAt(dir, name, []unix.Timespec{stamp, stamp}, unix.AT_SYMLINK_NOFOLLOW)
}

// settle gives everything a modification time of its own, a directory after
// what is in it. Times lie in the ten years before base.
func (m *maker) settle(base time.Time) {
	m.try("set times below", m.root.Name(), func() error {
		var paths []string
		err := tree.Walk(m.root.Name(), func(e tree.Entry) error {
			paths = append(paths, e.Path)
			return nil
		})
		for i := len(paths) - 1; i >= 0; i-- {
			m.modified(paths[i], base.Add(-time.Duration(m.rng.Int64N(int64(10*365*24*time.Hour)))))
		}
		if err == nil {
			err = m.err
		}
		return err
	})
}

// noise is incompressible content.
func noise(rng *rand.Rand, size int) []byte {
	b := make([]byte, size+8)
	for i := 0; i < size; i += 8 {
		v := rng.Uint64()
		for j := range 8 {
			b[i+j] = byte(v >> (8 * j))
		}
	}
	return b[:size]
}

// NewRand is the source of randomness that a seed stands for.
func NewRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }
