package scan

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// An index that is not as it was written is as if there were none, and is said.
func TestDamagedIndex(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"empty":     func([]byte) []byte { return nil },
		"truncated": func(b []byte) []byte { return b[:len(b)-7] },
		"record":    func(b []byte) []byte { b[20] ^= 1; return b },
		"content":   func(b []byte) []byte { b[len(b)-40] ^= 1; return b },
		"foreign":   func([]byte) []byte { return bytes.Repeat([]byte("not an index\n"), 1000) },
		"none":      nil,
	} {
		t.Run(name, func(t *testing.T) {
			s := source(t, "a", "b/c")
			r, err := s.Run(context.Background(), Stages{})
			require.NoError(t, err)
			require.NoError(t, r.Keep())
			file := filepath.Join(s.Index, indexFile)
			b, err := os.ReadFile(file)
			require.NoError(t, err)
			if damage == nil {
				require.NoError(t, os.Remove(file))
			} else {
				require.NoError(t, os.WriteFile(file, damage(b), 0o600))
			}
			var log bytes.Buffer
			s.Log = slog.New(slog.NewTextHandler(&log, nil))
			again, _, gone := seen(t, s, Stages{})
			assert.Nil(t, again.Last)
			assert.Equal(t, r.Summary, again.Summary)
			assert.Equal(t, int64(2), again.Read)
			assert.Empty(t, gone)
			if damage != nil {
				assert.Contains(t, log.String(), "cannot be used")
			}
		})
	}
}

// The index of a run becomes the index when the run was committed, whether its
// source heard of it or not.
func TestWhichIndexIsRead(t *testing.T) {
	s := source(t, "a")
	s.Label = Label{Relationship: "r", Run: "one", Terms: "t", Compared: 7}
	one, err := s.Run(context.Background(), Stages{})
	require.NoError(t, err)
	require.NoError(t, one.Keep())
	put(t, s, "b", "b")
	settle()
	s.Label.Run = "two"
	two, err := s.Run(context.Background(), Stages{})
	require.NoError(t, err)
	assert.Equal(t, one.Digest, two.Last.Digest)
	assert.Equal(t, Label{Relationship: "r", Run: "one", Terms: "t", Compared: 7}, two.Last.Label)

	log := slog.New(slog.DiscardHandler)
	assert.Equal(t, "one", Peek(s.Index, Want{Digest: one.Digest}, log).Run)
	assert.Equal(t, "one", Peek(s.Index, Want{Run: "one"}, log).Run)
	assert.Equal(t, "two", Peek(s.Index, Want{Digest: "blake3:other"}, log).Run, "the newest one knows most files")
	assert.FileExists(t, filepath.Join(s.Index, nextFile))
	assert.Equal(t, "two", Peek(s.Index, Want{Digest: two.Digest}, log).Run)
	assert.NoFileExists(t, filepath.Join(s.Index, nextFile))
	assert.Equal(t, "two", Peek(s.Index, Want{Run: "one"}, log).Run, "there is no other one any more")
}

// A directory that cannot hold an index does not harm the run.
func TestIndexThatCannotBeWritten(t *testing.T) {
	s := source(t, "a", "b")
	want, err := s.Run(context.Background(), Stages{})
	require.NoError(t, err)
	s.Index = filepath.Join(s.Root, "a") // a file
	var log bytes.Buffer
	s.Log = slog.New(slog.NewTextHandler(&log, nil))
	r, err := s.Run(context.Background(), Stages{})
	require.NoError(t, err)
	assert.Equal(t, want.Digest, r.Digest)
	assert.Error(t, r.Each(nil))
	require.NoError(t, r.Keep())
	assert.Contains(t, log.String(), "cannot be written")
}

// A live source stands still as long as nothing in it changes, not even for a
// moment.
func TestStill(t *testing.T) {
	for name, change := range map[string]func(s Source){
		"":        func(Source) {},
		"created": func(s Source) { put(t, s, "d/new", "x") },
		"came and went": func(s Source) {
			put(t, s, "d/new", "x")
			require.NoError(t, os.Remove(filepath.Join(s.Root, "d/new")))
		},
		"put back": func(s Source) {
			put(t, s, "a", "A")
			put(t, s, "a", "a")
		},
		"deleted": func(s Source) { require.NoError(t, os.Remove(filepath.Join(s.Root, "a"))) },
		"mode":    func(s Source) { require.NoError(t, os.Chmod(filepath.Join(s.Root, "d"), 0o700)) },
	} {
		s := source(t, "a", "d/b")
		s.Live = true
		r, err := s.Run(context.Background(), Stages{})
		require.NoError(t, err)
		change(s)
		still, err := s.Still(context.Background(), &r)
		require.NoError(t, err)
		assert.Equal(t, name == "", still, name)
	}
}
