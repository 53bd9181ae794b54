package survey

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/steps/internal/protocol"
	"github.com/backube/scribe-gen/tree"
	"github.com/backube/scribe-gen/tree/treetest"
)

var everything = protocol.Keeps{Owners: true, Devices: true, Capabilities: true, Trusted: true}

// ask surveys two directories and returns the result and the source directories
// that differ.
func ask(t *testing.T, source, replica string, keeps protocol.Keeps) (Result, []string) {
	t.Helper()
	var list bytes.Buffer
	q := Question{Root: source, Keeps: keeps, List: &list}
	var repair Repair
	r, err := Ask(context.Background(), q, func(ctx context.Context, in io.Reader, out io.Writer) (err error) {
		repair, err = Answer(ctx, replica, keeps, in, out)
		return err
	})
	require.NoError(t, err)
	require.NoError(t, repair(context.Background()))
	return r, strings.Split(strings.TrimSuffix(list.String(), "\x00"), "\x00")
}

func twins(t *testing.T) (source, replica string) {
	t.Helper()
	dir := t.TempDir()
	source, replica = filepath.Join(dir, "source"), filepath.Join(dir, "replica")
	require.NoError(t, os.MkdirAll(source, 0o755))
	return source, replica
}

func clone(t *testing.T, source, replica string) {
	t.Helper()
	out, err := exec.Command("rsync", "-aAXHS", "--modify-window=-1", "--numeric-ids", source+"/", replica+"/").CombinedOutput()
	require.NoError(t, err, "this test needs rsync (apt-get install rsync): %s", out)
}

func write(t *testing.T, root string, names ...string) {
	t.Helper()
	for _, name := range names {
		path := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(name), 0o644))
	}
}

// Equal trees do not differ but where they have links; whatever is changed is
// found in the directory that holds it.
func TestSurveyFindsEveryChange(t *testing.T) {
	source, replica := twins(t)
	treetest.Make(t, source, treetest.MaxPath(3000), treetest.NoHuge())
	clone(t, source, replica)
	r, differing := ask(t, source, replica, everything)
	for _, dir := range differing {
		assert.True(t, hasLinks(t, source, dir), "%q differs", dir)
	}
	assert.Equal(t, r.Entries, r.ReplicaEntries)
	assert.Zero(t, r.MayDelete)
	assert.Zero(t, r.Unlink)
	assert.True(t, r.Sparse)

	rng := rand.New(rand.NewPCG(11, 12))
	for range 15 {
		treetest.Mutate(t, source, rng)
		_, differing := ask(t, source, replica, everything)
		report, err := tree.Compare(source, replica, tree.Options{NoContent: true, NoSparse: true, Limit: 10_000})
		require.NoError(t, err)
		for _, d := range report.Differences {
			dir := filepath.Dir(d.Path)
			if info, err := os.Lstat(filepath.Join(source, dir)); err != nil || !info.IsDir() {
				continue // the directory itself is gone, and its parent differs
			}
			if d.Path == "." {
				dir = "."
			}
			require.Contains(t, differing, strings.TrimSuffix(listed(dir), "\x00"), "%+v", d)
		}
	}
}

func hasLinks(t *testing.T, root, dir string) bool {
	found := false
	require.NoError(t, tree.Walk(filepath.Join(root, dir), func(e tree.Entry) error {
		found = found || e.Linked()
		return nil
	}))
	return found
}

// MayDelete is never less than what is missing in the source.
func TestMayDeleteIsABound(t *testing.T) {
	source, replica := twins(t)
	write(t, source, "a/1", "a/2", "b/c/3", "b/c/4", "b-/5", "b.d/6")
	clone(t, source, replica)
	write(t, replica, "a/x", "b/c/d/y", "gone/z", "b/file/w")
	write(t, source, "b/file.txt")
	r, differing := ask(t, source, replica, everything)
	// a/x; d, d/y; gone, gone/z; b/file, b/file/w
	assert.GreaterOrEqual(t, r.MayDelete, int64(7))
	assert.ElementsMatch(t, []string{"./", "./a/", "./b/", "./b/c/"}, differing)
}

// Links that the source does not have are removed at the replica, and only those.
func TestSurveySeparatesLinks(t *testing.T) {
	source, replica := twins(t)
	write(t, source, "d/a", "d/b", "e/c")
	require.NoError(t, os.Link(filepath.Join(source, "d/a"), filepath.Join(source, "e/a2")))
	clone(t, source, replica)
	for _, name := range []string{"d/b", "e/c"} {
		require.NoError(t, os.Remove(filepath.Join(replica, name)))
		require.NoError(t, os.Link(filepath.Join(replica, "d/a"), filepath.Join(replica, name)))
	}
	r, _ := ask(t, source, replica, everything)
	assert.Equal(t, int64(2), r.Unlink)
	assert.NoFileExists(t, filepath.Join(replica, "d/b"))
	assert.FileExists(t, filepath.Join(replica, "e/a2"))
}

func TestSurveySaysWhatCannotBeKept(t *testing.T) {
	source, replica := twins(t)
	require.NoError(t, os.MkdirAll(replica, 0o755))
	write(t, source, "suid", "plain")
	require.NoError(t, os.Chmod(filepath.Join(source, "suid"), os.ModeSetuid|0o755))
	r, _ := ask(t, source, replica, protocol.Keeps{UID: 12345, GID: 12345})
	assert.Equal(t, int64(3), r.Foreign)
	assert.Equal(t, int64(1), r.UnkeptTotal)
	assert.Equal(t, "suid", r.Unkept[0].Path)
	// Owners that cannot be kept do not count as differences.
	clone(t, source, replica)
	require.NoError(t, os.Chown(filepath.Join(replica, "plain"), 7, 7))
	_, differing := ask(t, source, replica, protocol.Keeps{UID: 12345, GID: 12345})
	assert.Equal(t, []string{""}, differing)
}

// A receiver that fails or lies ends the survey with an error, on both sides.
func TestSurveyErrors(t *testing.T) {
	source, replica := twins(t)
	write(t, source, "a")
	q := Question{Root: source, Keeps: everything, List: io.Discard}
	for name, stream := range map[string]Stream{
		"fails": func(context.Context, io.Reader, io.Writer) error { return io.ErrClosedPipe },
		"silent": func(_ context.Context, in io.Reader, _ io.Writer) error {
			_, err := io.Copy(io.Discard, in)
			return err
		},
		"lies": func(_ context.Context, in io.Reader, out io.Writer) error {
			_, _ = io.WriteString(out, "Dxyz")
			_, err := io.Copy(io.Discard, in)
			return err
		},
		"missing replica": func(ctx context.Context, in io.Reader, out io.Writer) error {
			_, err := Answer(ctx, replica, everything, in, out)
			return err
		},
	} {
		_, err := Ask(context.Background(), q, stream)
		assert.Error(t, err, name)
	}
	q.Root = filepath.Join(source, "missing")
	_, err := Ask(context.Background(), q, func(ctx context.Context, in io.Reader, out io.Writer) error {
		_, err := Answer(ctx, source, everything, in, out)
		return err
	})
	assert.ErrorContains(t, err, "survey the source")
}

// The order of directories is the one in which a walk completes them.
func FuzzCompareDirs(f *testing.F) {
	f.Add("a", "a/b", "a-b")
	f.Add(".", "b", "b/c")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		for _, p := range []string{a, b, c} {
			if p == "" || strings.HasPrefix(p, "/") || strings.HasSuffix(p, "/") || strings.Contains(p, "//") {
				t.Skip()
			}
		}
		require.Equal(t, -compareDirs(a, b), compareDirs(b, a))
		require.Equal(t, a == b, compareDirs(a, b) == 0)
		if compareDirs(a, b) < 0 && compareDirs(b, c) < 0 {
			require.Negative(t, compareDirs(a, c))
		}
		if strings.HasPrefix(b, a+"/") {
			require.Positive(t, compareDirs(a, b), "a directory comes after what is in it")
		}
	})
}

func TestCompareDirsIsTheWalksOrder(t *testing.T) {
	source, _ := twins(t)
	write(t, source, "a/x/1", "a-b/2", "a.c/3", "a/y/4", "b/z", "B/q", "a\x01/5")
	var completed []string
	d := digester{emit: func(d *directory) error {
		completed = append(completed, d.path)
		return nil
	}}
	require.NoError(t, tree.Walk(source, func(e tree.Entry) error { return d.add(&e) }))
	require.NoError(t, d.finish())
	assert.True(t, slices.IsSortedFunc(completed, compareDirs), "%q", completed)
	assert.Len(t, completed, 9)
}

// What is written is read again, and nothing makes the reader fail otherwise
// than with an error.
func FuzzRecords(f *testing.F) {
	var seed bytes.Buffer
	w := newWriter(&seed)
	for _, r := range []record{
		{kind: kindDirectory, directory: directory{path: "a/b", entries: 3, linked: true}},
		{kind: kindLink, path: "x", group: 9}, {kind: kindEnd},
		{kind: kindDiffers, path: "."}, {kind: kindSummary, summary: Replica{MayDelete: 4}},
	} {
		require.NoError(f, w.write(&r))
	}
	require.NoError(f, w.Flush())
	f.Add(seed.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		r := newReader(bytes.NewReader(data))
		for {
			rec, err := r.read()
			if err != nil {
				return
			}
			var out bytes.Buffer
			w := newWriter(&out)
			require.NoError(t, w.write(&rec))
			require.NoError(t, w.Flush())
			again, err := newReader(&out).read()
			require.NoError(t, err)
			require.Equal(t, rec, again)
		}
	})
}
