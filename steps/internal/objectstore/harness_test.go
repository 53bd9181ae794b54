package objectstore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rclone/rclone/fs/config/obscure"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/backube/scribe-gen/test/s3"
	"github.com/backube/scribe-gen/test/s3/s3test"
	"github.com/backube/scribe-gen/tree/manifest"
)

const (
	replication = "wiki"
	secretMark  = "Sup3rS3cretMarker+/="
)

// start is the recovery point of the first generation.
var start = time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)

// output is a log that tests read.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// configDir writes files and returns their directory.
func configDir(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o400))
	}
	return dir
}

func open(t testing.TB, config Config) *Store {
	t.Helper()
	if config.Log == nil {
		config.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	s, err := Open(t.Context(), config)
	require.NoError(t, err)
	return s
}

// localStore is a store in a directory.
func localStore(t testing.TB) *Store {
	t.Helper()
	return open(t, Config{Remote: t.TempDir(), Replication: replication})
}

// cryptConfig is a section that encrypts what is below another remote.
func cryptConfig(name, remote string) string {
	return fmt.Sprintf("\n[%s]\ntype = crypt\nremote = %s\npassword = %s\n", name, remote, obscure.MustObscure(secretMark))
}

// s3Config is a store in a server's bucket, encrypted or not.
func s3Config(t testing.TB, server *s3.Server, crypt bool) Config {
	t.Helper()
	name := strings.ToLower(strings.ReplaceAll(filepath.Base(t.TempDir())+t.Name(), "/", "-"))
	text := server.Config("s3") + cryptConfig("sealed", "s3:"+s3.DefaultBucket+"/"+name)
	config := Config{Remote: "s3:" + s3.DefaultBucket + "/" + name, ConfigDir: configDir(t, map[string]string{"rclone.conf": text}),
		CA: server.CAFile, Replication: replication}
	if crypt {
		config.Remote = "sealed:"
	}
	return config
}

// eachStore runs a test over the kinds of stores.
func eachStore(t *testing.T, test func(*testing.T, Config)) {
	t.Run("local", func(t *testing.T) {
		test(t, Config{Remote: t.TempDir(), Replication: replication})
	})
	t.Run("crypt on local", func(t *testing.T) {
		dir := configDir(t, map[string]string{"rclone.conf": cryptConfig("sealed", t.TempDir())})
		test(t, Config{Remote: "sealed:", ConfigDir: dir, Replication: replication})
	})
	for _, kind := range []s3.Kind{s3.Rclone, s3.Versity, s3.MinIO} {
		t.Run(string(kind), func(t *testing.T) {
			server := s3test.Server(t, kind, true)
			t.Run("plain", func(t *testing.T) { test(t, s3Config(t, server, false)) })
			t.Run("crypt", func(t *testing.T) { test(t, s3Config(t, server, true)) })
		})
	}
}

// files are a tree of files for tests, by path.
type files map[string]string

// publisher pushes trees as the mover does.
type publisher struct {
	t     testing.TB
	store *Store
	// where is what the latest manifest refers to.
	where map[string]manifest.Entry
}

// push publishes a tree as the next generation and returns its record.
func (p *publisher) push(tree files, at time.Time, run string) (Generation, error) {
	ctx := p.t.Context()
	parent, err := p.store.Latest(ctx)
	if err != nil && !isNoGeneration(err) {
		return Generation{}, err
	}
	g := Generation{Replication: replication, Name: GenerationName(at, run), Run: run, RecoveryPoint: at, Created: at}
	number := int64(0)
	if parent != nil {
		number = parent.Number
	}
	if _, err := p.store.Begin(ctx, Push{Name: g.Name, Run: run, Parent: number, Started: at}); err != nil {
		return g, err
	}
	where, err := p.upload(tree, g.Name)
	if err != nil {
		return g, err
	}
	file, summary := writeManifest(p.t, where)
	g.Digest, g.Entries, g.Bytes = summary.Digest, summary.Entries, summary.Bytes
	if parent != nil && parent.Digest == g.Digest {
		g.Name, g.Unchanged = parent.Name, true
	} else if err := p.store.PutManifest(ctx, g.Name, file); err != nil {
		return g, err
	}
	name := GenerationName(at, run)
	if err := p.store.Alive(ctx, name); err != nil {
		return g, err
	}
	committed, err := p.store.Commit(ctx, parent, g)
	if err != nil {
		return g, err
	}
	p.where = where
	return committed, p.store.Done(ctx, name)
}

// upload stores what the latest manifest has not, under any name.
func (p *publisher) upload(tree files, layer string) (map[string]manifest.Entry, error) {
	byHash := map[manifest.Hash]manifest.Entry{}
	for _, e := range p.where {
		byHash[e.Hash] = e
	}
	where := map[string]manifest.Entry{}
	for path, text := range tree {
		h, size, _ := manifest.HashOf(strings.NewReader(text))
		e := manifest.Entry{Path: path, Mode: unix.S_IFREG | 0o644, Size: size, Hash: h}
		if old, ok := p.where[path]; ok && old.Hash == h {
			e.Layer, e.Object = old.Layer, old.Object
		} else if old, ok := byHash[h]; ok {
			e.Layer, e.Object = old.Layer, old.Object
			if e.Object == "" {
				_, e.Object = p.store.ObjectName(old.Path)
			}
		} else if size > 0 {
			stored, err := p.store.Put(p.t.Context(), layer, content(path, text))
			if err != nil {
				return nil, err
			}
			require.Equal(p.t, h, stored.Hash)
			e.Layer, e.Object = layer, stored.Object
		}
		where[path] = e
	}
	return where, nil
}

func content(path, text string) Content {
	return Content{Path: path, Size: int64(len(text)), ModTime: start, Open: func() (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(text)), nil
	}}
}

// writeManifest writes the manifest of entries and their directories.
func writeManifest(t testing.TB, where map[string]manifest.Entry) (file string, summary manifest.Summary) {
	t.Helper()
	all := map[string]manifest.Entry{".": {Path: ".", Mode: unix.S_IFDIR | 0o755}}
	for path, e := range where {
		all[path] = e
		for dir := filepath.Dir(path); dir != "."; dir = filepath.Dir(dir) {
			all[dir] = manifest.Entry{Path: dir, Mode: unix.S_IFDIR | 0o755}
		}
	}
	out, err := os.Create(filepath.Join(t.TempDir(), "manifest"))
	require.NoError(t, err)
	w, err := manifest.NewWriter(out)
	require.NoError(t, err)
	for _, path := range slices.SortedFunc(maps.Keys(all), manifest.Compare) {
		e := all[path]
		require.NoError(t, w.Write(&e))
	}
	summary, err = w.Close()
	require.NoError(t, err)
	require.NoError(t, out.Close())
	return out.Name(), summary
}

// pull reads a generation and checks every byte against its manifest.
func pull(ctx context.Context, s *Store, g Generation) (files, error) {
	m, err := s.openManifest(ctx, g.Name)
	if err != nil {
		return nil, err
	}
	defer m.close()
	tree := files{}
	err = each(m, func(e *manifest.Entry) error {
		if !e.IsRegular() {
			return nil
		}
		tree[e.Path] = ""
		if e.Size == 0 {
			return nil
		}
		in, err := s.Get(ctx, e.Layer, e.Object, e.Path, 0, -1)
		if err != nil {
			return err
		}
		defer func() { _ = in.Close() }()
		data, err := io.ReadAll(in)
		if err != nil {
			return err
		}
		if h, _, _ := manifest.HashOf(bytes.NewReader(data)); h != e.Hash {
			return fmt.Errorf("%q has another content", e.Path)
		}
		tree[e.Path] = string(data)
		return nil
	})
	if err == nil && m.Summary().Digest != g.Digest {
		err = fmt.Errorf("digest %s of generation %d, whose record says %s", m.Summary().Digest, g.Number, g.Digest)
	}
	return tree, err
}

// objectsIn lists what is in the directory of a local store.
func objectsIn(t testing.TB, s *Store, dir string) []string {
	t.Helper()
	var names []string
	root := filepath.Join(s.config.Remote, dir)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if os.IsNotExist(err) {
			return nil
		}
		if err == nil && !d.IsDir() {
			name, _ := filepath.Rel(s.config.Remote, path)
			names = append(names, name)
		}
		return err
	})
	require.NoError(t, err)
	return names
}

// big is content of a size that nobody can compress or guess.
func big(size int) string {
	var b bytes.Buffer
	for i := 0; b.Len() < size; i++ {
		sum := sha256.Sum256([]byte(fmt.Sprint(i)))
		b.Write(sum[:])
	}
	return string(b.Bytes()[:size])
}
