package manifest_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/backube/scribe-gen/tree"
	"github.com/backube/scribe-gen/tree/at"
	"github.com/backube/scribe-gen/tree/manifest"
	"github.com/backube/scribe-gen/tree/treetest"
)

// scan makes the manifest of a tree.
func scan(t *testing.T, root string) ([]byte, manifest.Summary) {
	var out bytes.Buffer
	w, err := manifest.NewWriter(&out)
	require.NoError(t, err)
	links := manifest.NewLinks()
	require.NoError(t, tree.Walker{}.Visit(root, func(read tree.Entry, dir int, name string) error {
		e := manifest.Of(&read)
		e.Link, _ = links.First(&read)
		if e.IsRegular() {
			fd, err := at.OpenFile(dir, name)
			if err != nil {
				return err
			}
			f := os.NewFile(uintptr(fd), name)
			defer func() { _ = f.Close() }()
			if e.Hash, _, err = manifest.HashOf(f); err != nil {
				return err
			}
			if e.Data, err = manifest.Ranges(fd, e.Size); err != nil {
				return err
			}
		}
		return w.Write(&e)
	}))
	summary, err := w.Close()
	require.NoError(t, err)
	return out.Bytes(), summary
}

// replicate copies a tree with all that rsync keeps.
func replicate(t *testing.T, from, to string) {
	out, err := exec.Command("rsync", "-aAXHScI", "--specials", "--devices", "--numeric-ids", "--delete", "--modify-window=-1", from+"/", to+"/").CombinedOutput()
	require.NoError(t, err, "this test needs the Debian package rsync: %s", out)
}

func TestManifestOfTree(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	treetest.Make(t, a, treetest.MaxPath(3000), treetest.NoHuge())
	replicate(t, a, b)
	ofA, summary := scan(t, a)
	ofB, other := scan(t, b)
	assert.Equal(t, summary, other)
	assert.Greater(t, summary.Entries, int64(300))

	entries, again, err := read(ofA)
	require.NoError(t, err)
	assert.Equal(t, summary, again)
	copied, _, err := read(ofB)
	require.NoError(t, err)
	linked := 0
	for i := range entries {
		e := &entries[i]
		assert.True(t, e.Same(&copied[i]), "%q", e.Path)
		if e.Path == "content/holes" {
			assert.NotEmpty(t, e.Data)
			assert.Equal(t, e.Data, copied[i].Data)
		}
		read, err := tree.Read(a, e.Path)
		require.NoError(t, err)
		of := manifest.Of(&read)
		of.Hash, of.Link, of.Data = e.Hash, e.Link, e.Data
		assert.Equal(t, of, *e, "all of an entry is read back")
		if e.Link != "" {
			linked++
			first, err := tree.Read(a, e.Link)
			require.NoError(t, err)
			assert.Equal(t, first.Inode, read.Inode)
		}
	}
	assert.Greater(t, linked, 5)
	require.NoError(t, manifest.Diff(reader(t, ofA), reader(t, ofB), func(old, new *manifest.Entry) error {
		t.Errorf("a difference: %v, %v", old, new)
		return nil
	}))
}

// A path may be longer than what one system call takes.
func TestManifestOfDeepTree(t *testing.T) {
	dir := t.TempDir()
	treetest.Make(t, dir, treetest.NoHuge())
	data, summary := scan(t, dir)
	assert.Equal(t, summary, readAll(t, bytes.NewReader(data)))
}

func reader(t *testing.T, data []byte) *manifest.Reader {
	r, err := manifest.NewReader(bytes.NewReader(data))
	require.NoError(t, err)
	t.Cleanup(r.Close)
	return r
}

func TestEveryChangeOfATreeShows(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("this test changes owners: run it as root")
	}
	root := t.TempDir()
	in := func(path string) string { return filepath.Join(root, path) }
	require.NoError(t, os.WriteFile(in("file"), []byte("hello"), 0o644))
	require.NoError(t, os.WriteFile(in("other"), []byte("hello"), 0o644))
	require.NoError(t, os.Mkdir(in("dir"), 0o755))
	require.NoError(t, os.Symlink("file", in("symlink")))
	require.NoError(t, unix.Mkfifo(in("fifo"), 0o644))
	require.NoError(t, unix.Mknod(in("null"), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))))
	keep := func(path string, change func() error) func() error {
		return func() error {
			st, err := os.Lstat(in(path))
			if err != nil {
				return err
			}
			err = change()
			stamp := unix.NsecToTimespec(st.ModTime().UnixNano())
			_ = unix.UtimesNanoAt(unix.AT_FDCWD, in(path), []unix.Timespec{stamp, stamp}, unix.AT_SYMLINK_NOFOLLOW)
			return err
		}
	}
	touch := func(path string) func() error {
		return func() error {
			return unix.UtimesNanoAt(unix.AT_FDCWD, in(path), []unix.Timespec{{Nsec: 1}, {Nsec: 1}}, unix.AT_SYMLINK_NOFOLLOW)
		}
	}
	steps := []struct {
		name string
		do   func() error
	}{
		{"content, size and time put back", keep("file", func() error { return os.WriteFile(in("file"), []byte("hallo"), 0o644) })},
		{"size", keep("file", func() error { return os.Truncate(in("file"), 6) })},
		{"mode", func() error { return os.Chmod(in("file"), 0o600) }},
		{"setuid", func() error { return unix.Chmod(in("file"), 0o4600) }},
		{"owner", func() error { return os.Lchown(in("file"), 7, 0) }},
		{"group", func() error { return os.Lchown(in("file"), -1, 7) }},
		{"time of a file", touch("file")},
		{"time of a directory", touch("dir")},
		{"time of a symlink", touch("symlink")},
		{"mode of a FIFO", func() error { return os.Chmod(in("fifo"), 0o600) }},
		{"owner of a symlink", func() error { return os.Lchown(in("symlink"), 8, 8) }},
		{"xattr", func() error { return unix.Setxattr(in("file"), "user.a", nil, 0) }},
		{"value", func() error { return unix.Setxattr(in("file"), "user.a", []byte("b"), 0) }},
		{"xattr of a directory", func() error { return unix.Setxattr(in("dir"), "user.a", []byte("b"), 0) }},
		{"time of the root", touch(".")},
		{"target", keep(".", func() error {
			return keep("symlink", func() error {
				if err := os.Remove(in("symlink")); err != nil {
					return err
				}
				return os.Symlink("fil", in("symlink"))
			})()
		})},
		{"device", keep(".", func() error {
			return keep("null", func() error {
				if err := os.Remove(in("null")); err != nil {
					return err
				}
				return unix.Mknod(in("null"), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 5)))
			})()
		})},
		{"hard link in place of a file", keep(".", func() error {
			if err := os.Remove(in("other")); err != nil {
				return err
			}
			return os.Link(in("file"), in("other"))
		})},
		{"empty file", keep(".", func() error { return os.WriteFile(in("empty"), nil, 0o644) })},
		{"removal", keep(".", func() error { return os.Remove(in("dir")) })},
		{"rename", keep(".", func() error { return os.Rename(in("fifo"), in("fifo2")) })},
	}
	_, before := scan(t, root)
	seen := map[string]string{before.Digest: "nothing"}
	for _, step := range steps {
		require.NoError(t, step.do(), step.name)
		_, after := scan(t, root)
		assert.NotContains(t, seen, after.Digest, step.name)
		seen[after.Digest] = step.name
	}
	_, again := scan(t, root)
	assert.Contains(t, seen, again.Digest)
}
