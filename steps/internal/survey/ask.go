package survey

import (
	"bufio"
	"context"
	"fmt"
	"io"

	"golang.org/x/sync/errgroup"

	"github.com/backube/scribe-gen/steps/internal/protocol"
	"github.com/backube/scribe-gen/tree"
)

// Stream carries a survey to the receiver: it copies in to the receiver and the
// receiver's answer to out, and returns when the receiver has ended.
type Stream func(ctx context.Context, in io.Reader, out io.Writer) error

// Question is what a source asks.
type Question struct {
	// Root is the source.
	Root string
	// Keeps is what the receiver may keep.
	Keeps protocol.Keeps
	// Live is whether entries may vanish.
	Live bool
	// List receives the source directories that differ, as rsync's --files-from
	// with --from0 wants them.
	List io.Writer
}

// Ask surveys the source together with the receiver at the other end of stream.
func Ask(ctx context.Context, q Question, stream Stream) (Result, error) {
	var result Result
	questions, ask := io.Pipe()
	answers, answer := io.Pipe()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		err := q.describe(ctx, &result, ask)
		_ = ask.CloseWithError(err)
		return err
	})
	g.Go(func() error {
		err := stream(ctx, questions, answer)
		_ = answer.CloseWithError(err)
		_ = questions.CloseWithError(io.ErrClosedPipe) // lets describe end, too
		if err != nil {
			return fmt.Errorf("survey the replica: %w", err)
		}
		return nil
	})
	differing, replica, err := q.collect(answers)
	_ = answers.CloseWithError(err)
	if gerr := g.Wait(); gerr != nil {
		return Result{}, gerr
	}
	result.Differing, result.Replica = differing, replica
	return result, err
}

// describe walks the source and sends what there is.
func (q Question) describe(ctx context.Context, result *Result, to io.Writer) error {
	w := newWriter(to)
	links := groups{known: map[inode]*group{}}
	d := digester{owners: q.Keeps.Owners, emit: func(d *directory) error {
		return w.write(&record{kind: kindDirectory, directory: *d})
	}}
	walker := tree.Walker{SkipLostFound: true}
	if q.Live {
		walker.Vanished = func(string) error { result.Vanished++; return nil }
	}
	err := walker.Walk(q.Root, func(e tree.Entry) error {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		result.Note(&e, q.Keeps)
		if e.Linked() {
			if err := w.write(&record{kind: kindLink, path: e.Path, group: links.of(&e)}); err != nil {
				return err
			}
		}
		return d.add(&e)
	})
	if err == nil {
		err = d.finish()
	}
	if err == nil {
		err = w.write(&record{kind: kindEnd})
	}
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		return fmt.Errorf("survey the source: %w", err)
	}
	return nil
}

// groups numbers the files that have several links. A file is forgotten once all
// its links were seen.
type groups struct {
	count uint64
	known map[inode]*group
}

type inode struct{ dev, inode uint64 }

type group struct{ number, left uint64 }

func (g *groups) of(e *tree.Entry) uint64 {
	key := inode{e.Dev, e.Inode}
	found := g.known[key]
	if found == nil {
		g.count++
		found = &group{number: g.count, left: e.Links}
		g.known[key] = found
	}
	if found.left--; found.left == 0 {
		delete(g.known, key)
	}
	return found.number
}

// listed is a directory as rsync's --files-from wants it. The "./" keeps rsync
// from taking a name that begins with # or ; for a comment, which it would pass
// over without a word.
func listed(dir string) string {
	if dir == "." {
		return "./\x00"
	}
	return "./" + dir + "/\x00"
}

// collect reads the receiver's answer.
func (q Question) collect(from io.Reader) (differing int64, replica Replica, err error) {
	list := bufio.NewWriter(q.List)
	for r := newReader(from); ; {
		rec, err := r.read()
		if err != nil {
			return differing, replica, err
		}
		switch rec.kind {
		case kindDiffers:
			differing++
			_, _ = list.WriteString(listed(rec.path))
		case kindSummary:
			if err := list.Flush(); err != nil {
				return differing, replica, fmt.Errorf("write the list of changed directories: %w", err)
			}
			return differing, rec.summary, nil
		default:
			return differing, replica, fmt.Errorf("read a survey: record %q from a receiver", rec.kind)
		}
	}
}
