package replica_test

import (
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/backube/scribe-gen/steps/internal/privilege"
	"github.com/backube/scribe-gen/steps/internal/rclonepull/replica"
	"github.com/backube/scribe-gen/tree"
	"github.com/backube/scribe-gen/tree/at"
	"github.com/backube/scribe-gen/tree/manifest"
	"github.com/backube/scribe-gen/tree/treetest"
)

// source is a tree whose content is fetched from it as if it were an object
// store.
type source struct {
	root string
	gets atomic.Int64
	// broken, if set, may change what is fetched.
	broken func(path string, body io.ReadCloser) (io.ReadCloser, error)
}

// Get implements replica.Content.
func (s *source) Get(_ context.Context, _, _, path string, offset, length int64) (io.ReadCloser, error) {
	s.gets.Add(1)
	f, err := s.open(path)
	if err != nil {
		return nil, err
	}
	if length < 0 {
		length = 1 << 62
	}
	var body io.ReadCloser = section{io.NewSectionReader(f, offset, length), f}
	if s.broken != nil {
		return s.broken(path, body)
	}
	return body, nil
}

type section struct {
	io.Reader
	io.Closer
}

func (s *source) open(path string) (*os.File, error) {
	root, err := at.OpenRoot(s.root)
	if err != nil {
		return nil, err
	}
	defer func() { _ = unix.Close(root) }()
	dir, name, err := at.OpenParent(root, path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = unix.Close(dir) }()
	fd, err := at.OpenFile(dir, name)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), path), nil
}

// manifest writes the manifest of the source to a file.
func (s *source) manifest(t testing.TB, change ...func(*manifest.Entry)) (file, digest string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "manifest.zst")
	out, err := os.Create(file)
	require.NoError(t, err)
	w, err := manifest.NewWriter(out)
	require.NoError(t, err)
	links := manifest.NewLinks()
	require.NoError(t, tree.Walker{SkipLostFound: true}.Walk(s.root, func(e tree.Entry) error {
		entry := manifest.Of(&e)
		entry.Link, _ = links.First(&e)
		if entry.IsRegular() {
			f, err := s.open(e.Path)
			if err != nil {
				return err
			}
			defer func() { _ = f.Close() }()
			if entry.Hash, _, err = manifest.HashOf(f); err != nil {
				return err
			}
			if entry.Data, err = manifest.Ranges(int(f.Fd()), e.Size); err != nil {
				return err
			}
		}
		for _, c := range change {
			c(&entry)
		}
		return w.Write(&entry)
	}))
	summary, err := w.Close()
	require.NoError(t, err)
	require.NoError(t, out.Close())
	return file, summary.Digest
}

// replicaOf is a replica at root of what the source is now.
func (s *source) replicaOf(t testing.TB, root string) replica.Replica {
	t.Helper()
	file, digest := s.manifest(t)
	return replica.Replica{
		Root: root, Manifest: file, Digest: digest, Keeps: privilege.Keeps(), Temp: t.TempDir(), Log: slog.New(slog.DiscardHandler),
	}
}

// pull plans and applies.
func (s *source) pull(t testing.TB, r replica.Replica) *replica.Plan {
	t.Helper()
	plan, err := r.Plan(t.Context())
	require.NoError(t, err)
	require.NoError(t, plan.Apply(t.Context(), replica.Options{Content: s, Transfers: 4}))
	return plan
}

// torture is a source with everything in it, and an empty replica.
func torture(t testing.TB, options ...treetest.Option) (s *source, root string) {
	t.Helper()
	dir := t.TempDir()
	s, root = &source{root: filepath.Join(dir, "source")}, filepath.Join(dir, "replica")
	treetest.Make(t, s.root, options...)
	require.NoError(t, os.Mkdir(root, 0o755))
	return s, root
}
