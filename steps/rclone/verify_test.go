package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/rclone/rclone/fs/cache"
	"github.com/rclone/rclone/fs/sync"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/backube/scribe-gen/steps/internal/objectstore"
	"github.com/backube/scribe-gen/tree"
	"github.com/backube/scribe-gen/tree/manifest"
)

// store opens the object store as a reader would.
func (s *source) store() *objectstore.Store {
	s.t.Helper()
	store, err := objectstore.Open(s.t.Context(), objectstore.Config{
		Remote: s.remote, ConfigDir: s.config, CA: s.ca, Log: slog.New(slog.DiscardHandler),
	})
	require.NoError(s.t, err)
	return store
}

// generations are the generations in the store, newest first.
func (s *source) generations() []objectstore.Generation {
	s.t.Helper()
	list, err := s.store().Generations(s.t.Context())
	require.NoError(s.t, err)
	return list
}

// latest is the latest generation.
func (s *source) latest() *objectstore.Generation {
	s.t.Helper()
	g, err := s.store().Latest(s.t.Context())
	require.NoError(s.t, err)
	return g
}

// requirePublished requires the latest generation to be the source as it is now, with
// every byte of it in the store.
func (s *source) requirePublished() {
	s.t.Helper()
	g := s.latest()
	require.Equal(s.t, s.digest(), g.Digest, "the manifest is not that of the source")
	s.requireReadable(g)
}

// digest is that of the source's manifest.
func (s *source) digest() string {
	s.t.Helper()
	w, err := manifest.NewWriter(io.Discard)
	require.NoError(s.t, err)
	links := manifest.NewLinks()
	hashes := map[string]manifest.Hash{}
	require.NoError(s.t, tree.Walker{SkipLostFound: true}.Visit(s.root, func(found tree.Entry, dir int, name string) error {
		e := manifest.Of(&found)
		e.Link, _ = links.First(&found)
		if e.IsRegular() {
			if e.Hash = hashes[e.Link]; e.Link == "" {
				e.Hash = s.hash(dir, name)
			}
			if found.Linked() {
				hashes[e.Path] = e.Hash
			}
		}
		return w.Write(&e)
	}))
	summary, err := w.Close()
	require.NoError(s.t, err)
	return summary.Digest
}

func (s *source) hash(dir int, name string) manifest.Hash {
	s.t.Helper()
	fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	require.NoError(s.t, err)
	f := os.NewFile(uintptr(fd), name)
	defer func() { _ = f.Close() }()
	h, _, err := manifest.HashOf(f)
	require.NoError(s.t, err)
	return h
}

// entries are those of a generation's manifest.
func (s *source) entries(g *objectstore.Generation) []manifest.Entry {
	s.t.Helper()
	in, err := s.store().Manifest(s.t.Context(), g.Name)
	require.NoError(s.t, err)
	defer func() { _ = in.Close() }()
	r, err := manifest.NewReader(in)
	require.NoError(s.t, err)
	defer r.Close()
	var all []manifest.Entry
	for {
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(s.t, err)
		all = append(all, *e)
	}
	require.Equal(s.t, g.Digest, r.Summary().Digest)
	return all
}

// requireReadable requires every file of a generation to be in the store.
func (s *source) requireReadable(g *objectstore.Generation) {
	s.t.Helper()
	store := s.store()
	for _, e := range s.entries(g) {
		if !e.IsRegular() || e.Link != "" || e.Size == 0 {
			assert.Empty(s.t, e.Layer, "%q has no content of its own", e.Path)
			continue
		}
		in, err := store.Get(s.t.Context(), e.Layer, e.Object, e.Path, 0, -1)
		require.NoError(s.t, err, "%q", e.Path)
		h, size, err := manifest.HashOf(in)
		_ = in.Close()
		require.NoError(s.t, err, "%q", e.Path)
		require.Equal(s.t, e.Size, size, "%q", e.Path)
		require.Equal(s.t, e.Hash, h, "%q", e.Path)
	}
}

// plainCopy copies the layers of a store one after the other with plain rclone, and
// returns the directory.
func (s *source) plainCopy() string {
	s.t.Helper()
	to := s.t.TempDir()
	ctx := s.store().Context(context.Background())
	generations := s.generations()
	for i := len(generations) - 1; i >= 0; i-- {
		if generations[i].Unchanged {
			continue
		}
		from, err := cache.Get(ctx, s.remote+"/files/"+generations[i].Name)
		require.NoError(s.t, err)
		local, err := cache.Get(ctx, to)
		require.NoError(s.t, err)
		require.NoError(s.t, sync.CopyDir(ctx, local, from, false))
	}
	return to
}

// requirePlain requires every file of the latest generation that is under its plain
// path to be in the copy, and all others to be few.
func (s *source) requirePlain(dir string) {
	s.t.Helper()
	plain := 0
	for _, e := range s.entries(s.latest()) {
		if e.Layer == "" || e.Object != "" {
			continue
		}
		plain++
		f, err := os.Open(filepath.Join(dir, e.Path))
		require.NoError(s.t, err)
		h, _, err := manifest.HashOf(f)
		_ = f.Close()
		require.NoError(s.t, err)
		require.Equal(s.t, e.Hash, h, "%q", e.Path)
	}
	assert.NotZero(s.t, plain)
}

// objects counts the files below a directory of a store in a local directory.
func objects(dir string) int {
	count := 0
	_ = filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			count++
		}
		return nil
	})
	return count
}

// generationsIfAny are the generations of a store in which there may be none yet.
func (s *source) generationsIfAny() []objectstore.Generation {
	s.t.Helper()
	list, err := s.store().Generations(s.t.Context())
	if !errors.Is(err, objectstore.ErrNoGeneration) {
		require.NoError(s.t, err)
	}
	return list
}
