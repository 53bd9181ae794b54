package rclonepull_test

import (
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/backube/scribe-gen/steps/internal/objectstore"
	"github.com/backube/scribe-gen/tree"
	"github.com/backube/scribe-gen/tree/at"
	"github.com/backube/scribe-gen/tree/manifest"
)

const replication = "wiki"

// publisher publishes a directory without the push step.
type publisher struct {
	t      testing.TB
	root   string
	store  *objectstore.Store
	parent *objectstore.Generation
	// known are the entries of the parent's manifest that have content.
	known map[manifest.Hash]manifest.Entry
}

// publish makes the directory a generation.
func (p *publisher) publish(run string) objectstore.Generation {
	p.t.Helper()
	ctx, now := p.t.Context(), time.Now().UTC()
	name := objectstore.GenerationName(now, run)
	file := filepath.Join(p.t.TempDir(), "manifest.zst")
	summary := p.manifest(name, file)
	if p.parent != nil && p.parent.Digest == summary.Digest {
		name = p.parent.Name
	} else {
		require.NoError(p.t, p.store.PutManifest(ctx, name, file))
	}
	g, err := p.store.Commit(ctx, p.parent, objectstore.Generation{
		Replication: replication, Name: name, Run: run, RecoveryPoint: now, Created: now,
		Digest: summary.Digest, Entries: summary.Entries, Bytes: summary.Bytes,
		Unchanged: p.parent != nil && p.parent.Digest == summary.Digest,
	})
	require.NoError(p.t, err)
	p.parent = &g
	return g
}

// manifest stores the content that is new and writes the manifest.
func (p *publisher) manifest(layer, file string) manifest.Summary {
	p.t.Helper()
	out, err := os.Create(file)
	require.NoError(p.t, err)
	defer func() { require.NoError(p.t, out.Close()) }()
	w, err := manifest.NewWriter(out)
	require.NoError(p.t, err)
	links, known := manifest.NewLinks(), map[manifest.Hash]manifest.Entry{}
	require.NoError(p.t, tree.Walker{SkipLostFound: true}.Walk(p.root, func(e tree.Entry) error {
		entry := manifest.Of(&e)
		entry.Link, _ = links.First(&e)
		if entry.IsRegular() {
			if err := p.content(layer, &entry); err != nil {
				return err
			}
			known[entry.Hash] = entry
		}
		return w.Write(&entry)
	}))
	p.known = known
	summary, err := w.Close()
	require.NoError(p.t, err)
	return summary
}

// digestOf is the digest of a tree.
func digestOf(t testing.TB, root string) string {
	t.Helper()
	p := &publisher{t: t, root: root}
	return p.manifest("", filepath.Join(t.TempDir(), "manifest.zst")).Digest
}

// content stores the content of a file unless it is in the store.
func (p *publisher) content(layer string, e *manifest.Entry) error {
	f, err := p.open(e.Path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if e.Data, err = manifest.Ranges(int(f.Fd()), e.Size); err != nil {
		return err
	}
	if e.Hash, _, err = manifest.HashOf(io.NewSectionReader(f, 0, e.Size)); err != nil || e.Size == 0 || layer == "" {
		return err
	}
	if old, ok := p.known[e.Hash]; ok {
		e.Layer, e.Object = old.Layer, old.Object
		if e.Object == "" && old.Path != e.Path {
			_, e.Object = p.store.ObjectName(old.Path)
		}
		return nil
	}
	stored, err := p.store.Put(p.t.Context(), layer, objectstore.Content{
		Path: e.Path, Size: e.Size, ModTime: time.Unix(0, e.ModTime), Open: func() (io.ReadCloser, error) { return p.open(e.Path) },
	})
	e.Layer, e.Object = layer, stored.Object
	return err
}

func (p *publisher) open(path string) (*os.File, error) {
	root, err := at.OpenRoot(p.root)
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
