package rclonepush

import (
	"context"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/backube/scribe-gen/steps/internal/objectstore"
	"github.com/backube/scribe-gen/steps/internal/progress"
	"github.com/backube/scribe-gen/steps/internal/scan"
	"github.com/backube/scribe-gen/tree/manifest"
)

// upload is the part of a push that writes to the store.
type upload struct {
	*push
	name     string // of the push and its layer
	moved    *moved
	told     *progress.Meter
	hashers  sync.Pool
	nothing  manifest.Hash // of no content
	uploaded atomic.Int64  // bytes
	// begin leaves the marker of this push before anything else is written. It
	// reports whether an earlier attempt did so.
	begin func() (resumed bool, err error)
	begun atomic.Bool // it succeeded
	left  *leftovers

	mu  sync.Mutex
	old map[*scan.Item]*manifest.Entry
}

// upload puts what the store does not have yet there, then the manifest, which it
// makes in file, and commits. It returns the generation.
func (p *push) upload(ctx context.Context, found *surveyed, file string) (objectstore.Generation, error) {
	u := &upload{
		push: p, name: objectstore.GenerationName(p.at, p.args.Run), moved: found.moved,
		told:    progress.New(p.env, p.args.ProgressFile, found.bytes, found.entries),
		hashers: sync.Pool{New: func() any { return manifest.NewHasher() }},
		nothing: manifest.NewHasher().Sum(), old: map[*scan.Item]*manifest.Entry{},
	}
	u.left = newLeftovers(u)
	ctx, stop := u.mark(ctx)
	defer stop()
	result, summary, err := u.write(ctx, file)
	p.report.totals.Sent = u.uploaded.Load()
	if err != nil {
		return objectstore.Generation{}, u.givenUp(ctx, err)
	}
	u.told.Last()
	p.report.scanned(result)
	done, err := u.commit(ctx, summary, file)
	if err != nil {
		return done, err
	}
	if p.args.Index != "" {
		if err := result.Keep(); err != nil {
			p.report.warn("the index could not be kept, so that the next push reads more than it must: %v", err)
		}
	}
	return done, nil
}

// write scans the source, puts content into the store, and writes the manifest.
func (u *upload) write(ctx context.Context, file string) (result scan.Result, summary manifest.Summary, err error) {
	b, err := readBeside(u.manifest, nil)
	if err != nil {
		return result, summary, err
	}
	defer b.close()
	f, err := os.Create(file)
	if err != nil {
		return result, summary, err
	}
	defer func() { _ = f.Close() }()
	w, err := manifest.NewWriter(f)
	if err != nil {
		return result, summary, err
	}
	source := u.source()
	source.Index, source.At = u.args.Index, u.at
	source.Label = scan.Label{Relationship: u.args.Relationship, Run: u.args.Run}
	result, err = source.Run(ctx, scan.Stages{
		Workers: u.store.Transfers(),
		Prepare: func(it *scan.Item) error { return u.prepare(it, b) },
		Work:    u.place,
		Emit:    func(it *scan.Item) error { return u.emit(it, w) },
	})
	if err == nil {
		err = b.rest()
	}
	if err != nil {
		return result, summary, err
	}
	if summary, err = w.Close(); err != nil {
		return result, summary, err
	}
	u.report.totals.Entries, u.report.totals.Bytes = summary.Entries, summary.Bytes
	return result, summary, f.Close()
}

// prepare finds what the latest generation has at an entry's path.
func (u *upload) prepare(it *scan.Item, b *beside) error {
	old, err := b.at(it.Path)
	u.mu.Lock()
	defer u.mu.Unlock()
	u.old[it] = old
	return err
}

func (u *upload) before(it *scan.Item) *manifest.Entry {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.old[it]
}

// emit writes an entry to the manifest.
func (u *upload) emit(it *scan.Item, w *manifest.Writer) error {
	if it.Link != "" {
		it.Layer, it.Object = "", ""
	}
	if old := u.before(it); old == nil || !it.Same(old) {
		u.report.totals.Files++
	}
	u.told.Add(0, 0, 1)
	e := it.Entry
	e.Inode, e.ChangeTime = 0, 0
	return w.Write(&e)
}

// commit puts the manifest into the store and makes it a generation. A tree that is
// that of the latest generation gets a record alone.
func (u *upload) commit(ctx context.Context, summary manifest.Summary, file string) (objectstore.Generation, error) {
	g := objectstore.Generation{
		Replication: u.args.Replication, Name: u.name, Run: u.args.Run, RecoveryPoint: u.at,
		Digest: summary.Digest, Entries: summary.Entries, Bytes: summary.Bytes, Uploaded: u.uploaded.Load(), Created: time.Now().UTC(),
	}
	if u.manifest != "" && u.parent.Digest == summary.Digest {
		g.Name, g.Unchanged = u.parent.Name, true
	} else if err := u.putManifest(ctx, file); err != nil {
		return g, u.givenUp(ctx, err)
	}
	if u.begun.Load() {
		if err := u.store.Alive(ctx, u.name); err != nil {
			return g, u.givenUp(ctx, err)
		}
	}
	done, err := u.store.Commit(ctx, u.parent, g)
	if err != nil {
		return g, u.lost(err)
	}
	u.env.Log.Info("published", "generation", done.Number, "digest", done.Digest, "unchanged", done.Unchanged,
		"files", u.report.totals.Files, "uploaded", g.Uploaded)
	return done, nil
}

func (u *upload) putManifest(ctx context.Context, file string) error {
	if _, err := u.begin(); err != nil {
		return err
	}
	return u.store.PutManifest(ctx, u.name, file)
}
