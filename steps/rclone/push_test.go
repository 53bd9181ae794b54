package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/tree/treetest"
)

// What was published is the source, over any number of runs, and plain rclone
// reads it.
func TestPush(t *testing.T) {
	s, store := localSource(t)
	treetest.Make(t, s.root, treetest.NoHuge())
	rng := rand.New(rand.NewPCG(31, 32))
	for n := range 4 {
		out := s.publish(runID(n))
		s.requirePublished()
		assert.Equal(t, int64(n+1), out.Generation)
		assert.Equal(t, s.latest().Digest, out.Digest)
		assert.Positive(t, out.Files)
		assert.Positive(t, out.Bytes)
		assert.Empty(t, out.Warnings)
		if n == 0 {
			s.requirePlain(s.plainCopy())
		}
		treetest.Mutate(t, s.root, rng)
	}
	assert.Zero(t, objects(filepath.Join(store, "pushes")), "no marker stays")
	assert.Zero(t, objects(filepath.Join(store, "claims")), "no announcement stays")
}

// Without an index the same is found by hashing everything.
func TestPushWithoutIndex(t *testing.T) {
	s, _ := localSource(t)
	s.index = ""
	treetest.Make(t, s.root, treetest.NoHuge())
	s.publish("first")
	s.requirePublished()
	treetest.Mutate(t, s.root, rand.New(rand.NewPCG(33, 34)))
	s.publish("second")
	s.requirePublished()
}

func TestUnchanged(t *testing.T) {
	s, store := localSource(t)
	treetest.Make(t, s.root, treetest.NoHuge())
	first := s.publish("first")
	before := objects(store)
	for _, extra := range []string{"--index=" + s.index, "--index="} {
		at := time.Now()
		out := s.push(fmt.Sprintf("again-%d", len(extra)), at, extra).done()
		assert.Zero(t, out.Bytes)
		assert.Zero(t, out.Files)
		assert.Equal(t, first.Digest, out.Digest)
		g := s.latest()
		assert.True(t, g.Unchanged)
		assert.Equal(t, out.Generation, g.Number)
		assert.True(t, at.UTC().Equal(g.RecoveryPoint))
		assert.Equal(t, s.generations()[1].Name, g.Name)
	}
	assert.Equal(t, before+2, objects(store), "one record for each push, and nothing else")
	s.requirePublished()
}

func TestOnlyWhatChangedIsUploaded(t *testing.T) {
	s, store := localSource(t)
	for n := range 200 {
		s.write(map[string]string{filepath.Join("d"+runID(n%7), runID(n)): string(noise(n, 2000+n))})
	}
	s.publish("first")
	s.write(map[string]string{"d" + runID(3) + "/" + runID(3): "changed", "new": "new"})
	out := s.publish("second")
	assert.Equal(t, int64(len("changed")+len("new")), out.Bytes)
	g := s.latest()
	assert.Equal(t, 2, objects(filepath.Join(store, "files", g.Name)))
	assert.Equal(t, out.Bytes, g.Uploaded)
	s.requirePublished()

	// Of a changed file of the same size nothing is uploaded if only its times are new.
	now := time.Now()
	require.NoError(t, os.Chtimes(filepath.Join(s.root, "new"), now, now))
	out = s.publish("third")
	assert.Zero(t, out.Bytes)
	assert.Positive(t, out.Files)
	assert.False(t, s.latest().Unchanged)
	s.requirePublished()
}

func TestRename(t *testing.T) {
	s, _ := localSource(t)
	for n := range 50 {
		s.write(map[string]string{filepath.Join("directory", runID(n)): string(noise(n, 3000))})
	}
	s.write(map[string]string{"log": "the first log", "log.1": "the second log, which is older", "linked": "two names"})
	require.NoError(t, os.Link(filepath.Join(s.root, "linked"), filepath.Join(s.root, "other name")))
	s.publish("first")
	require.NoError(t, os.Rename(filepath.Join(s.root, "directory"), filepath.Join(s.root, "renamed")))
	// Logs are rotated: their names are all taken, by other content.
	require.NoError(t, os.Rename(filepath.Join(s.root, "log.1"), filepath.Join(s.root, "log.2")))
	require.NoError(t, os.Rename(filepath.Join(s.root, "log"), filepath.Join(s.root, "log.1")))
	s.write(map[string]string{"log": "new"})
	// The name that stood for the content goes, the other one stays.
	require.NoError(t, os.Remove(filepath.Join(s.root, "linked")))
	for run, extra := range map[string]string{"second": "--max-delete=100%"} {
		out := s.publish(run, extra)
		assert.Equal(t, int64(len("new")), out.Bytes, "renaming uploads nothing")
		s.requirePublished()
	}
	// A second rename refers to the object of the first push still.
	require.NoError(t, os.Rename(filepath.Join(s.root, "renamed"), filepath.Join(s.root, "back")))
	out := s.publish("third", "--max-delete=100%")
	assert.Zero(t, out.Bytes)
	s.requirePublished()
}

// Content that was changed in place with size and time of modification put back is
// found, as the time of change tells.
func TestChangedInPlace(t *testing.T) {
	s, _ := localSource(t)
	path := filepath.Join(s.root, "file")
	s.write(map[string]string{"file": "content", "other": "other"})
	old := time.Now().Add(-time.Hour)
	require.NoError(t, os.Chtimes(path, old, old))
	s.publish("first")
	require.NoError(t, os.WriteFile(path, []byte("CONTENT"), 0o644))
	require.NoError(t, os.Chtimes(path, old, old))
	out := s.publish("second")
	assert.Equal(t, int64(len("CONTENT")), out.Bytes)
	s.requirePublished()
}

func TestFilters(t *testing.T) {
	s, _ := localSource(t)
	s.write(map[string]string{"kept": "kept", "left.tmp": "left out", "cache/left": "left out", "lost+found/left": "left out"})
	rules := filepath.Join(t.TempDir(), "filters")
	require.NoError(t, os.WriteFile(rules, []byte("- *.tmp\n- cache/\n"), 0o644))
	out := s.publish("run", "--filter-file="+rules)
	assert.Equal(t, int64(2), out.Entries)
	names := []string{}
	for _, e := range s.entries(s.latest()) {
		names = append(names, e.Path)
	}
	assert.Equal(t, []string{".", "kept"}, names)
}

func TestProgress(t *testing.T) {
	s, _ := localSource(t)
	s.write(map[string]string{"file": string(noise(1, 5<<20))})
	file := filepath.Join(t.TempDir(), "progress")
	p := s.push("run", time.Now(), "--progress-file="+file, "--bandwidth-limit=2Mi")
	out := p.done()
	assert.Contains(t, p.log.String(), `"msg":"progress"`)
	told, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, "100/100\n", string(told))
	assert.Equal(t, int64(5<<20), out.Bytes)
	assert.GreaterOrEqual(t, out.Wire, out.Bytes)
	assert.Greater(t, out.Seconds, 1.0, "the limit is kept")
}

// Retention leaves the generations that are asked for, and nothing of the others.
func TestRetention(t *testing.T) {
	s, store := localSource(t)
	for n := range 5 {
		s.write(map[string]string{"changes": runID(n), "stays": "the same"})
		s.publish(runID(n), "--last=2", "--grace=1ns")
	}
	assert.Len(t, s.generations(), 2)
	assert.Equal(t, 2, objects(filepath.Join(store, "manifests")))
	assert.Equal(t, 3, objects(filepath.Join(store, "files")))
	for _, g := range s.generations() {
		s.requireReadable(&g)
	}
}

// A latest generation that cannot be read is followed by one that can.
func TestDamagedStore(t *testing.T) {
	for name, damage := range map[string]func(manifest string) error{
		"lost":      os.Remove,
		"cut short": func(manifest string) error { return os.Truncate(manifest, 100) },
		"replaced":  func(manifest string) error { return os.WriteFile(manifest, []byte("something else"), 0o644) },
	} {
		t.Run(name, func(t *testing.T) {
			s, store := localSource(t)
			s.write(map[string]string{"file": "content", "other": "more"})
			s.publish("first")
			require.NoError(t, damage(filepath.Join(store, "manifests", s.latest().Name+".zst")))
			out := s.publish("second")
			assert.Equal(t, int64(len("content")+len("more")), out.Bytes)
			require.NotEmpty(t, out.Warnings)
			assert.Contains(t, out.Warnings[0], "generation 1 could not be read")
			s.requirePublished()
			assert.False(t, s.latest().Unchanged)
			assert.Empty(t, s.publish("third").Bytes)
		})
	}
}
