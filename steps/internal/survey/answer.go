package survey

import (
	"context"
	"fmt"
	"io"
	"iter"

	"github.com/backube/scribe-gen/steps/internal/protocol"
	"github.com/backube/scribe-gen/tree"
)

// Repair removes the links that a survey found to be the replica's alone. Called
// again after an error, it goes on.
type Repair func(ctx context.Context) error

// Answer surveys the replica at root against the source that in describes. It
// changes nothing; repair removes the links that the source does not have, and
// must be called before rsync writes to the replica. Nobody may write to the
// replica in between.
func Answer(ctx context.Context, root string, keeps protocol.Keeps, in io.Reader, out io.Writer) (repair Repair, err error) {
	a := &answering{w: newWriter(out), links: newLinks()}
	next, stop := iter.Pull2(a.walk(ctx, root, keeps))
	defer stop()
	if err := a.merge(newReader(in), next); err != nil {
		return nil, err
	}
	wrong := a.links.wrong()
	a.found.Unlink = int64(len(wrong))
	if err := a.w.write(&record{kind: kindSummary, summary: a.found}); err != nil {
		return nil, err
	}
	return func(ctx context.Context) error { return removeAll(ctx, root, wrong) }, a.w.Flush()
}

type answering struct {
	w     *writer
	links *links
	found Replica
}

// walk yields the replica's directories as they are completed.
func (a *answering) walk(ctx context.Context, root string, keeps protocol.Keeps) iter.Seq2[*directory, error] {
	return func(yield func(*directory, error) bool) {
		d := digester{owners: keeps.Owners, emit: func(d *directory) error {
			if !yield(d, nil) {
				return errStopped
			}
			return nil
		}}
		err := tree.Walker{SkipLostFound: true}.Walk(root, func(e tree.Entry) error {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			a.found.ReplicaEntries++
			if e.Linked() {
				a.links.have(&e)
			}
			return d.add(&e)
		})
		if err == nil {
			err = d.finish()
		}
		if err != nil && err != errStopped {
			yield(nil, fmt.Errorf("survey the replica: %w", err))
		}
	}
}

var errStopped = fmt.Errorf("stopped")

// merge reads both sides in step and says which of the source's directories
// differ.
func (a *answering) merge(source reader, next func() (*directory, error, bool)) error {
	own, err, ok := next()
	for {
		rec, rerr := source.read()
		if rerr != nil {
			return rerr
		}
		switch rec.kind {
		case kindLink:
			a.links.want(rec.path, rec.group)
			continue
		case kindEnd:
			for ; ok && err == nil; own, err, ok = next() {
				a.found.MayDelete += own.entries
			}
			return err
		case kindDirectory:
		default:
			return fmt.Errorf("read a survey: record %q from a source", rec.kind)
		}
		theirs := &rec.directory
		for ; ok && err == nil && compareDirs(own.path, theirs.path) < 0; own, err, ok = next() {
			a.found.MayDelete += own.entries // the source has no such directory
		}
		if err != nil {
			return err
		}
		differs := true
		if ok && own.path == theirs.path {
			if differs = theirs.differs(own); own.names != theirs.names {
				a.found.MayDelete += own.entries
			}
			own, err, ok = next()
		}
		if differs {
			if err := a.w.write(&record{kind: kindDiffers, path: theirs.path}); err != nil {
				return err
			}
		}
	}
}
