package sample

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/backube/scribe-gen/tree"
)

// Mutate changes about n entries of the tree at root as people and programs do
// between two runs, and some of its root's attributes, and returns what it did
// in words. The same random numbers and the same tree give the same changes.
func Mutate(root string, n int, rng *rand.Rand) ([]string, error) {
	m, err := newMaker(root, rng)
	if err != nil {
		return nil, err
	}
	defer m.close()
	u := &mutator{maker: m}
	for i := range n {
		// Listing anew is slow: a stale path costs no more than a step left out.
		if i%64 == 0 {
			if err := u.list(); err != nil {
				return u.done, err
			}
		}
		if err := u.step(i); err != nil {
			return u.done, err
		}
	}
	return u.done, nil
}

// mutator changes a tree.
type mutator struct {
	*maker
	files, dirs, all []string
	done             []string
}

// list notes what there is now.
func (u *mutator) list() error {
	u.files, u.dirs, u.all = nil, nil, nil
	return tree.Walk(u.root.Name(), func(e tree.Entry) error {
		u.all = append(u.all, e.Path)
		switch {
		case e.IsDir():
			u.dirs = append(u.dirs, e.Path)
		case e.IsRegular() && e.Size < 1<<30:
			u.files = append(u.files, e.Path)
		}
		return nil
	})
}

// step makes one change. A path that an earlier step took away, or a directory
// that may not be written to, is no failure.
func (u *mutator) step(i int) error {
	changes := []struct {
		name string
		do   func(i int) string
	}{
		{"edit in place", u.edit}, {"edit in place", u.edit}, {"append", u.append}, {"truncate", u.truncate},
		{"replace", u.replace}, {"create", u.create}, {"create", u.create}, {"create directory", u.createDir},
		{"rename", u.rename}, {"rename directory", u.renameDir}, {"delete", u.delete}, {"delete subtree", u.deleteTree},
		{"swap type", u.swap}, {"swap type", u.swap}, {"mode", u.mode}, {"owner", u.owner}, {"one nanosecond", u.nudge},
		{"attribute", u.attribute}, {"add link", u.addLink}, {"break link", u.replace}, {"punch hole", u.punch},
	}
	change := changes[u.rng.IntN(len(changes))]
	what := change.do(i)
	err := u.err
	u.err = nil
	switch {
	case err == nil:
		u.done = append(u.done, fmt.Sprintf("%s: %s", change.name, what))
		return nil
	case harmless(err):
		return nil
	}
	return fmt.Errorf("%s: %w", change.name, err)
}

func harmless(err error) bool {
	for _, e := range []error{
		fs.ErrNotExist, fs.ErrExist, fs.ErrPermission, unix.ENOTDIR, unix.EISDIR, unix.ENOTEMPTY, unix.EINVAL,
		unix.EBUSY, unix.ELOOP, unix.ENAMETOOLONG, unix.ENOTSUP, unix.ENXIO, unix.EMLINK, unix.ENODATA,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return strings.Contains(err.Error(), "path escapes") // os.Root, of a symlink that leads out
}

func (u *mutator) anyFile() string { return pickPath(u.rng, u.files) }
func (u *mutator) anyDir() string  { return pickPath(u.rng, u.dirs) }

// fresh is a name that was not there before, in some directory.
func (u *mutator) fresh(i int) string {
	odd := oddNames()
	return path.Join(u.anyDir(), fmt.Sprintf("new %d %.100s", i, odd[u.rng.IntN(len(odd))]))
}

// pickPath falls back to the root, on which most changes are refused.
func pickPath(rng *rand.Rand, paths []string) string {
	if len(paths) == 0 {
		return "."
	}
	return pick(rng, paths)
}

// inFile runs do on an open file, which must be a regular one.
func (u *mutator) inFile(p string, do func(f *os.File, size int64) error) string {
	u.try("open", p, func() error {
		info, err := u.root.Lstat(p)
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			return fs.ErrNotExist
		}
		f, err := u.root.OpenFile(p, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		return do(f, info.Size())
	})
	return p
}

func (u *mutator) edit(int) string {
	return u.inFile(u.anyFile(), func(f *os.File, size int64) error {
		if size == 0 {
			return fs.ErrNotExist
		}
		at := u.rng.Int64N(size)
		_, err := f.WriteAt(noise(u.rng, int(min(size-at, 1+u.rng.Int64N(5000)))), at)
		return err
	})
}

func (u *mutator) append(int) string {
	return u.inFile(u.anyFile(), func(f *os.File, size int64) error {
		_, err := f.WriteAt(noise(u.rng, 1+u.rng.IntN(20_000)), size)
		return err
	})
}

func (u *mutator) truncate(int) string {
	return u.inFile(u.anyFile(), func(f *os.File, size int64) error { return f.Truncate(size / 2) })
}

func (u *mutator) punch(int) string {
	return u.inFile(u.anyFile(), func(f *os.File, size int64) error {
		return unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, size/4, max(size/2, 1))
	})
}

// replace writes a new file and renames it over the old one, as careful programs
// do; it breaks hard links.
func (u *mutator) replace(i int) string {
	p := u.anyFile()
	tmp := path.Join(path.Dir(p), fmt.Sprintf(".tmp %d", i))
	u.random(tmp, u.rng.IntN(30_000))
	u.try("rename over", p, func() error { return u.root.Rename(tmp, p) })
	return p
}

func (u *mutator) create(i int) string {
	p := u.fresh(i)
	u.random(p, u.rng.IntN(50_000))
	return p
}

func (u *mutator) createDir(i int) string {
	p := u.fresh(i)
	u.mkdir(p + "/below")
	u.random(p+"/below/file", u.rng.IntN(5000))
	return p
}

func (u *mutator) rename(i int) string { return u.move(u.anyFile(), u.fresh(i)) }

func (u *mutator) renameDir(i int) string { return u.move(u.anyDir(), u.fresh(i)) }

func (u *mutator) move(from, to string) string {
	u.try("rename", from, func() error { return u.root.Rename(from, to) })
	return from + " to " + to
}

func (u *mutator) delete(int) string {
	p := u.anyFile()
	u.try("delete", p, func() error { return u.root.Remove(p) })
	return p
}

// deleteTree deletes a directory that lies deep enough not to be most of the
// tree.
func (u *mutator) deleteTree(int) string {
	p := u.anyDir()
	u.try("delete", p, func() error {
		if !strings.Contains(p, "/") {
			return fs.ErrNotExist
		}
		return u.root.RemoveAll(p)
	})
	return p
}

// swap makes something of another type in the place of an entry.
func (u *mutator) swap(i int) string {
	p := pickPath(u.rng, u.all)
	u.try("remove", p, func() error {
		if info, err := u.root.Lstat(p); err != nil || info.IsDir() && !strings.Contains(p, "/") {
			return errors.Join(err, fs.ErrNotExist)
		}
		return u.root.RemoveAll(p)
	})
	switch u.rng.IntN(4) {
	case 0:
		u.random(p, 100+u.rng.IntN(1000))
	case 1:
		u.mkdir(p)
		u.random(p+"/was something else", 100)
	case 2:
		u.symlink(fmt.Sprintf("somewhere/%d", i), p)
	default:
		u.node(p, unix.S_IFIFO|0o644, 0)
	}
	return p
}

func (u *mutator) mode(int) string {
	p := pickPath(u.rng, slices.Concat(u.files, u.dirs))
	// Whoever is not root must still be able to read and change it.
	modes := []uint32{0o600, 0o640, 0o755, 0o4755, 0o2711, 0o1777, 0o700, 0o6750}
	u.try("mode", p, func() error { return u.exists(p) })
	u.chmod(p, modes[u.rng.IntN(len(modes))])
	return p
}

// exists refuses symbolic links, which chmod would follow out of the tree.
func (u *mutator) exists(p string) error {
	info, err := u.root.Lstat(p)
	if err == nil && info.Mode()&fs.ModeSymlink != 0 {
		return fs.ErrNotExist
	}
	return err
}

func (u *mutator) owner(int) string {
	p := pickPath(u.rng, u.all)
	if os.Geteuid() == 0 {
		u.chown(p, u.rng.IntN(5000), u.rng.IntN(5000))
	}
	return p
}

func (u *mutator) nudge(int) string {
	p := pickPath(u.rng, u.all)
	u.at("time", p, func(dir int, name string) error {
		var st unix.Stat_t
		if err := unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return err
		}
		return setTime(dir, name, time.Unix(0, st.Mtim.Nano()+1))
	})
	return p
}

func (u *mutator) attribute(int) string {
	p := pickPath(u.rng, slices.Concat(u.files, u.dirs))
	u.try("attribute", p, func() error { return u.exists(p) })
	u.xattr(p, "user.mutated", noise(u.rng, 1+u.rng.IntN(50)))
	return p
}

func (u *mutator) addLink(i int) string {
	from, to := u.anyFile(), u.fresh(i)
	u.link(from, to)
	return to + " to " + from
}
