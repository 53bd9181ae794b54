package replica_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/rclonepull/replica"
	"github.com/backube/scribe-gen/steps/internal/step"
	"github.com/backube/scribe-gen/tree"
	"github.com/backube/scribe-gen/tree/manifest"
	"github.com/backube/scribe-gen/tree/treetest"
)

// flipped is content in which a bit is not what it was.
type flipped struct{ io.ReadCloser }

func (f flipped) Read(p []byte) (int, error) {
	n, err := f.ReadCloser.Read(p)
	if n > 0 {
		p[n-1] ^= 1
	}
	return n, err
}

// short is content that ends too early, with or without an error.
type short struct {
	io.Reader
	io.Closer
}

func small(t testing.TB) (s *source, root string) {
	t.Helper()
	dir := t.TempDir()
	s, root = &source{root: filepath.Join(dir, "source")}, filepath.Join(dir, "replica")
	for _, name := range []string{"a", "b", "c/d", "c/e"} {
		write(t, filepath.Join(s.root, name), "content of "+name)
	}
	require.NoError(t, os.Mkdir(root, 0o755))
	return s, root
}

func TestContentIsFetchedAgainOnce(t *testing.T) {
	for name, broken := range map[string]func(io.ReadCloser) (io.ReadCloser, error){
		"wrong": func(body io.ReadCloser) (io.ReadCloser, error) { return flipped{body}, nil },
		"short": func(body io.ReadCloser) (io.ReadCloser, error) { return short{io.LimitReader(body, 3), body}, nil },
		"error": func(io.ReadCloser) (io.ReadCloser, error) { return nil, errors.New("connection reset") },
	} {
		t.Run(name, func(t *testing.T) {
			s, root := small(t)
			var once atomic.Bool
			s.broken = func(path string, body io.ReadCloser) (io.ReadCloser, error) {
				if path == "c/d" && once.CompareAndSwap(false, true) {
					return broken(body)
				}
				return body, nil
			}
			s.pull(t, s.replicaOf(t, root))
			assert.EqualValues(t, 5, s.gets.Load())
			treetest.Equal(t, s.root, root, tree.Options{})
		})
	}
}

func TestWrongContentEndsThePull(t *testing.T) {
	s, root := small(t)
	s.broken = func(path string, body io.ReadCloser) (io.ReadCloser, error) {
		if path == "c/d" {
			return flipped{body}, nil
		}
		return body, nil
	}
	plan, err := s.replicaOf(t, root).Plan(t.Context())
	require.NoError(t, err)
	err = plan.Apply(t.Context(), replica.Options{Content: s, Transfers: 2})
	require.Error(t, err)
	assert.Contains(t, err.Error(), `"c/d"`)
	assert.Contains(t, err.Error(), "not what the manifest says")
	assert.NoFileExists(t, root+"/c/d")
	s.broken = nil
	plan = s.pull(t, s.replicaOf(t, root))
	assert.Less(t, plan.Fetch, int64(4), "what was right is not fetched again")
	treetest.Equal(t, s.root, root, tree.Options{})
}

func TestContentThatIsGoneIsNotTriedAgain(t *testing.T) {
	s, root := small(t)
	s.broken = func(string, io.ReadCloser) (io.ReadCloser, error) { return nil, fs.ErrNotExist }
	plan, err := s.replicaOf(t, root).Plan(t.Context())
	require.NoError(t, err)
	assert.ErrorIs(t, plan.Apply(t.Context(), replica.Options{Content: s}), fs.ErrNotExist)
	assert.EqualValues(t, 1, s.gets.Load())
}

// A pull that is cancelled ends soon, and leaves nothing under a name that is
// not right.
func TestCancelledPullGoesOn(t *testing.T) {
	s, root := torture(t, treetest.NoHuge())
	for after := time.Millisecond; ; after *= 2 {
		plan, err := s.replicaOf(t, root).Plan(t.Context())
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), after)
		err = plan.Apply(ctx, replica.Options{Content: s, Transfers: 4})
		cancel()
		if err == nil {
			break
		}
		require.ErrorIs(t, err, context.DeadlineExceeded)
	}
	treetest.Equal(t, s.root, root, tree.Options{})
}

func TestManifestThatIsNotTheOneIsRefused(t *testing.T) {
	s, root := small(t)
	r := s.replicaOf(t, root)
	other := r
	other.Digest = "blake3:0"
	_, err := other.Plan(t.Context())
	assert.ErrorContains(t, err, "must be blake3:0")
	info, err := os.Stat(r.Manifest)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(r.Manifest, info.Size()-9))
	_, err = r.Plan(t.Context())
	assert.ErrorIs(t, err, manifest.ErrInvalid)
}

// Holes are neither fetched nor written.
func TestHolesStayHoles(t *testing.T) {
	s, root := small(t)
	f, err := os.Create(s.root + "/sparse")
	require.NoError(t, err)
	for _, at := range []int64{1 << 20, 64 << 20, 200<<20 + 77} {
		_, err = f.WriteAt([]byte("data"), at)
		require.NoError(t, err)
	}
	require.NoError(t, errors.Join(f.Truncate(300<<20), f.Close()))
	// Zeros that take space at the source need not do so at the replica.
	require.NoError(t, os.WriteFile(s.root+"/zeros", make([]byte, 1<<20), 0o644))
	var fetched atomic.Int64
	plan, err := s.replicaOf(t, root).Plan(t.Context())
	require.NoError(t, err)
	require.NoError(t, plan.Apply(t.Context(), replica.Options{Content: s, Done: func(n, _ int64) { fetched.Add(n) }}))
	treetest.Equal(t, s.root, root, tree.Options{})
	assert.Less(t, fetched.Load(), int64(4<<20))
	var st unix.Stat_t
	require.NoError(t, unix.Stat(root+"/zeros", &st))
	assert.Zero(t, st.Blocks)
}

func TestFiltersProtect(t *testing.T) {
	prepare := func(t *testing.T) (s *source, root string, r func() replica.Replica) {
		s, root = small(t)
		return s, root, func() replica.Replica {
			r := s.replicaOf(t, root)
			r.Filter = suffixed(".keep")
			return r
		}
	}
	refused := func(t *testing.T, r replica.Replica) {
		before := listing(t, r.Root)
		_, err := r.Plan(t.Context())
		assert.Equal(t, contract.RefusedFilter, step.Refusal(err), "%v", err)
		assert.Equal(t, before, listing(t, r.Root))
	}
	t.Run("what is only there stays", func(t *testing.T) {
		s, root, r := prepare(t)
		write(t, root+"/x.keep/file", "mine")
		write(t, root+"/gone/y.keep", "mine")
		write(t, root+"/gone/other/z", "goes")
		plan := s.pull(t, r())
		assert.EqualValues(t, 1, plan.Protected)
		assert.EqualValues(t, 2, plan.Deletions)
		assert.FileExists(t, root+"/x.keep/file")
		assert.FileExists(t, root+"/gone/y.keep")
		assert.NoDirExists(t, root+"/gone/other")
		require.NoError(t, os.RemoveAll(root+"/gone"))
		require.NoError(t, os.RemoveAll(root+"/x.keep"))
		s.pull(t, r())
		treetest.Equal(t, s.root, root, tree.Options{})
	})
	t.Run("in a directory that is to be a file", func(t *testing.T) {
		_, root, r := prepare(t)
		write(t, root+"/a/deep/x.keep", "mine")
		refused(t, r())
	})
	t.Run("of another kind", func(t *testing.T) {
		s, root, r := prepare(t)
		write(t, s.root+"/x.keep", "a file")
		write(t, root+"/x.keep/file", "mine")
		refused(t, r())
	})
	t.Run("of other content", func(t *testing.T) {
		s, root, r := prepare(t)
		write(t, s.root+"/x.keep", "theirs")
		write(t, root+"/x.keep", "mine, mine")
		refused(t, r())
	})
	t.Run("of the same content", func(t *testing.T) {
		s, root, r := prepare(t)
		write(t, s.root+"/x.keep", "ours")
		s.pull(t, r())
		s.pull(t, r())
		treetest.Equal(t, s.root, root, tree.Options{})
	})
}

// listing is all paths below root with their attributes.
func listing(t testing.TB, root string) (entries []tree.Entry) {
	t.Helper()
	require.NoError(t, tree.Walk(root, func(e tree.Entry) error {
		entries = append(entries, e)
		return nil
	}))
	return entries
}
