package scan

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/tree"
	"github.com/backube/scribe-gen/tree/filter"
	"github.com/backube/scribe-gen/tree/manifest"
	"github.com/backube/scribe-gen/tree/treetest"
)

// source makes a tree of files whose content is their name. Its index trusts times
// at once, as if the files were old.
func source(t *testing.T, names ...string) Source {
	t.Helper()
	dir := t.TempDir()
	s := Source{Root: filepath.Join(dir, "source"), Index: filepath.Join(dir, "index"), slack: time.Nanosecond}
	require.NoError(t, os.Mkdir(s.Root, 0o755))
	for _, name := range names {
		put(t, s, name, name)
	}
	settle()
	return s
}

func put(t *testing.T, s Source, name, content string) {
	t.Helper()
	path := filepath.Join(s.Root, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
}

// settle lets the clock of the file system pass the last change.
func settle() { time.Sleep(20 * time.Millisecond) }

// seen runs a scan and returns what was emitted and what was gone, in order.
func seen(t *testing.T, s Source, stages Stages) (r Result, emitted []manifest.Entry, gone []string) {
	t.Helper()
	emit := stages.Emit
	stages.Emit = func(it *Item) error {
		emitted = append(emitted, it.Entry)
		if emit != nil {
			return emit(it)
		}
		return nil
	}
	stages.Gone = func(e *manifest.Entry) error { gone = append(gone, e.Path); return nil }
	r, err := s.Run(context.Background(), stages)
	require.NoError(t, err)
	return r, emitted, gone
}

func paths(entries []manifest.Entry) []string {
	var all []string
	for _, e := range entries {
		all = append(all, e.Path)
	}
	return all
}

// A scan gives what a walk and a hash of each file give, whatever the number of
// workers, and a second one reads nothing.
func TestScanIsTheManifest(t *testing.T) {
	s := source(t)
	treetest.Make(t, s.Root, treetest.NoHuge())
	settle()
	var want bytes.Buffer
	w, err := manifest.NewWriter(&want)
	require.NoError(t, err)
	links, hashes := manifest.NewLinks(), map[string]manifest.Hash{}
	require.NoError(t, tree.Walker{SkipLostFound: true}.Walk(s.Root, func(found tree.Entry) error {
		e := manifest.Of(&found)
		e.Link, _ = links.First(&found)
		if e.IsRegular() && e.Link == "" {
			e.Hash = hashOf(t, s.Root, e.Path)
			hashes[e.Path] = e.Hash
		} else if e.IsRegular() {
			e.Hash = hashes[e.Link]
		}
		return w.Write(&e)
	}))
	summary, err := w.Close()
	require.NoError(t, err)
	for _, workers := range []int{1, 2, 16} {
		r, err := s.Run(context.Background(), Stages{Workers: workers})
		require.NoError(t, err)
		assert.Equal(t, summary, r.Summary)
		assert.Positive(t, r.Read)
		require.NoError(t, os.RemoveAll(s.Index)) // a scan that is not kept tells what need not be read, too
	}
	first, err := s.Run(context.Background(), Stages{})
	require.NoError(t, err)
	require.NoError(t, first.Keep())
	second, _, gone := seen(t, s, Stages{})
	assert.Equal(t, summary, second.Summary)
	assert.Zero(t, second.Read, "nothing changed, so nothing is read")
	assert.Empty(t, gone)
	count := int64(0)
	require.NoError(t, second.Each(func(*manifest.Entry) error { count++; return nil }))
	assert.Equal(t, summary.Entries, count)
}

// hashOf reads a file whose path may be longer than a system call takes.
func hashOf(t *testing.T, root, path string) manifest.Hash {
	t.Helper()
	r, err := newRun(Source{Root: root}, Stages{})
	require.NoError(t, err)
	defer r.close()
	f, err := r.open(path)
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	h, _, err := manifest.HashOf(f)
	require.NoError(t, err)
	return h
}

// Only what changed is read again; content that was changed in place, with size
// and time put back, is what changed, too.
func TestOnlyChangesAreRead(t *testing.T) {
	s := source(t, "a/1", "a/2", "b/3", "c")
	r, before, _ := seen(t, s, Stages{})
	assert.Equal(t, int64(4), r.Read)
	require.NoError(t, r.Keep())

	path := filepath.Join(s.Root, "a/2")
	info, err := os.Stat(path)
	require.NoError(t, err)
	put(t, s, "a/2", "A/2")
	require.NoError(t, os.Chtimes(path, time.Time{}, info.ModTime()))
	require.NoError(t, os.Remove(filepath.Join(s.Root, "b/3")))
	put(t, s, "b.txt", "new")
	settle()
	known := map[string]bool{}
	r, after, gone := seen(t, s, Stages{Emit: func(it *Item) error {
		known[it.Path] = it.Known
		assert.Equal(t, it.Path == "b.txt", it.Last == nil, it.Path)
		return nil
	}})
	assert.Equal(t, int64(2), r.Read)
	assert.True(t, known["a/1"] && known["c"] && !known["a/2"])
	assert.Equal(t, []string{"b/3"}, gone)
	assert.Equal(t, []string{".", "a", "a/1", "a/2", "b", "b.txt", "c"}, paths(after))
	assert.NotEqual(t, before[3].Hash, after[3].Hash)
	assert.Equal(t, before[3].ModTime, after[3].ModTime)
}

// A change shortly before the instant of the source may be followed by another
// that leaves the same times.
func TestFreshChangesAreNotTrusted(t *testing.T) {
	s := source(t, "a")
	s.slack = 0
	for range 2 {
		r, err := s.Run(context.Background(), Stages{})
		require.NoError(t, err)
		assert.Equal(t, int64(1), r.Read)
		require.NoError(t, r.Keep())
	}
	s.slack, s.At = time.Nanosecond, time.Now().Add(-time.Hour)
	r, err := s.Run(context.Background(), Stages{})
	require.NoError(t, err)
	require.NoError(t, r.Keep())
	s.At = time.Time{}
	r, err = s.Run(context.Background(), Stages{})
	require.NoError(t, err)
	assert.Equal(t, int64(1), r.Read, "the file is newer than the copy that was scanned")
}

func TestLeftOut(t *testing.T) {
	s := source(t, "lost+found/x", "d/lost+found", "d/x.tmp", "cache/deep/y", "z")
	var err error
	s.Filter, err = filter.Parse(strings.NewReader("- *.tmp\n- /cache/\n"))
	require.NoError(t, err)
	_, entries, _ := seen(t, s, Stages{})
	assert.Equal(t, []string{".", "d", "d/lost+found", "z"}, paths(entries))
}

// What vanishes from a live source is left out; a file that loses its first name
// goes by the next.
func TestVanishing(t *testing.T) {
	s := source(t, "a", "b", "c")
	require.NoError(t, os.Link(filepath.Join(s.Root, "b"), filepath.Join(s.Root, "b2")))
	require.NoError(t, os.Link(filepath.Join(s.Root, "b"), filepath.Join(s.Root, "b3")))
	vanish := func(it *Item) error {
		if it.Path == "a" || it.Path == "b" {
			return os.Remove(filepath.Join(s.Root, it.Path))
		}
		return nil
	}
	live := s
	live.Live = true
	r, entries, _ := seen(t, live, Stages{Prepare: vanish})
	assert.Equal(t, []string{".", "b2", "b3", "c"}, paths(entries))
	assert.Equal(t, int64(2), r.Vanished)
	assert.Empty(t, entries[1].Link)
	assert.Equal(t, "b2", entries[2].Link)
	assert.Equal(t, hashOf(t, s.Root, "b2"), entries[2].Hash)
	assert.Equal(t, entries[1].Hash, entries[2].Hash)

	put(t, s, "a", "again")
	_, err := s.Run(context.Background(), Stages{Prepare: vanish})
	assert.ErrorIs(t, err, fs.ErrNotExist, "nothing vanishes from a copy")
	assert.ErrorContains(t, err, `"a"`)
}

// A file of a live source that changes while it is read is read again, but not
// for ever.
func TestChangesWhileReading(t *testing.T) {
	s := source(t, "a", "b")
	once := func(it *Item) error {
		if it.Path == "a" {
			put(t, s, "a", "longer than before")
		}
		return nil
	}
	_, err := s.Run(context.Background(), Stages{Prepare: once})
	assert.ErrorContains(t, err, "changed while it was read")
	put(t, s, "a", "a")
	s.Live = true
	r, entries, _ := seen(t, s, Stages{Prepare: once})
	assert.Zero(t, r.Unsteady)
	assert.Equal(t, int64(len("longer than before")), entries[1].Size)
	assert.Equal(t, hashOf(t, s.Root, "a"), entries[1].Hash)

	it := &Item{Entry: entries[1], ready: make(chan error, 1)}
	run, err := newRun(s, Stages{})
	require.NoError(t, err)
	defer run.close()
	it.run = run
	require.NoError(t, it.refresh())
	require.NoError(t, os.Remove(filepath.Join(s.Root, "a")))
	require.NoError(t, os.Symlink("b", filepath.Join(s.Root, "a")))
	w := worker{run: run, hasher: manifest.NewHasher()}
	assert.ErrorIs(t, w.do(context.Background(), it), fs.ErrNotExist, "a symbolic link is not followed")
}

// The scan ends with the first error of a stage, or with its context.
func TestErrorsEndTheScan(t *testing.T) {
	s := source(t)
	for n := range 3 * queue {
		put(t, s, fmt.Sprintf("d%d/f%d", n%7, n), "x")
	}
	wrong := errors.New("wrong")
	at := func(it *Item) error {
		if it.Path == "d3/f10" {
			return wrong
		}
		return nil
	}
	for name, stages := range map[string]Stages{
		"prepare": {Prepare: at}, "emit": {Emit: at},
		"work": {Work: func(_ context.Context, it *Item) error { return at(it) }},
	} {
		_, err := s.Run(context.Background(), stages)
		assert.ErrorIs(t, err, wrong, name)
	}
	ctx, cancel := context.WithCancel(context.Background())
	_, err := s.Run(ctx, Stages{Emit: func(it *Item) error {
		if it.Path == "d3/f10" {
			cancel()
		}
		return nil
	}})
	assert.ErrorIs(t, err, context.Canceled)
	left, err := os.ReadDir(s.Index)
	require.NoError(t, err)
	assert.Empty(t, left, "a scan that failed leaves nothing")
}
