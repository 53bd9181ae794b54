package sample

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// Volume makes a plausible volume of about that many files at root: documents,
// images and databases of all sizes in nested directories, with links, sparse
// files, attributes and odd names among them. A few files are large: 16 MiB for
// every thousand, at least one. The same seed makes the same names and contents.
func Volume(root string, files int, seed uint64) error {
	m, err := newMaker(root, NewRand(seed))
	if err != nil {
		return err
	}
	defer m.close()
	dirs := m.directories(max(1, files/25))
	var made []string
	for i := range files {
		name := path.Join(dirs[m.rng.IntN(len(dirs))], fmt.Sprintf("%s-%05d%s", pick(m.rng, nouns), i, pick(m.rng, endings)))
		m.one(i, name, made)
		made = append(made, name)
	}
	for i := range max(1, files/1000) {
		m.random(fmt.Sprintf("databases/large-%03d.db", i), 16<<20)
	}
	m.settle(time.Unix(1_760_000_000, 0))
	if m.err != nil {
		return fmt.Errorf("make sample volume: %w", m.err)
	}
	return nil
}

var (
	nouns   = []string{"article", "draft", "photo", "report", "thumb nail", "résumé", "session", "index", "talk"}
	endings = []string{".txt", ".jpg", ".json", ".wiki", ".log", ".gz", ""}
)

func pick(rng *rand.Rand, from []string) string { return from[rng.IntN(len(from))] }

// directories makes n directories, each below an earlier one.
func (m *maker) directories(n int) []string {
	dirs := []string{"documents", "images", "databases", "cache", "empty/left so"}
	for _, dir := range dirs {
		m.mkdir(dir)
	}
	dirs = dirs[:4]
	for i := range n {
		dir := path.Join(dirs[m.rng.IntN(len(dirs))], fmt.Sprintf("%s-%d", pick(m.rng, nouns), i))
		if len(dir) < 400 {
			m.mkdir(dir)
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// one makes the i-th file: most are plain, some are not.
func (m *maker) one(i int, name string, made []string) {
	switch {
	case i%50 == 49:
		m.symlink("../"+path.Base(made[i/2]), name)
	case i%50 == 48 && !isSymlink(i/2):
		m.link(made[i/2], name)
	case i%250 == 7:
		m.sparse(name, 1<<20, map[int64][]byte{512 << 10: noise(m.rng, 8192)})
	case i%250 == 8:
		m.node(name, unix.S_IFIFO|0o600, 0)
	case i%250 == 9:
		m.text(name+"\nsecond line", "a name of two lines\n")
		m.text(name, "")
	default:
		m.plain(i, name)
	}
}

func isSymlink(i int) bool { return i%50 == 49 }

// plain makes a file whose size is spread over many orders of magnitude.
func (m *maker) plain(i int, name string) {
	size := 1 << m.rng.IntN(17)
	m.random(name, size+m.rng.IntN(size))
	if i%20 == 3 {
		m.chmod(name, 0o640)
	}
	if i%40 == 11 {
		m.xattr(name, "user.mime_type", []byte("text/plain"))
		if errors.Is(m.err, unix.ENOTSUP) {
			m.err = nil // the sample needs no attributes
		}
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
