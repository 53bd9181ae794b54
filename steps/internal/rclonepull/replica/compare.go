package replica

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/backube/scribe-gen/tree"
	"github.com/backube/scribe-gen/tree/manifest"
)

// comparison walks the replica and reads the manifest side by side.
type comparison struct {
	*Plan
	ctx       context.Context
	manifest  *manifest.Reader
	next      *manifest.Entry // nil at the end
	checks    *checks
	judge     judge
	deletions *bufio.Writer
	doomed    []doomed
}

// compare writes the files of the plan.
func (p *Plan) compare(ctx context.Context) (err error) {
	f, err := os.Open(p.replica.Manifest)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	m, err := manifest.NewReader(f)
	if err != nil {
		return err
	}
	defer m.Close()
	actions, err := os.Create(filepath.Join(p.replica.Temp, actionsFile))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, actions.Close()) }()
	deletions, err := os.Create(filepath.Join(p.replica.Temp, deletionsFile))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, deletions.Close()) }()
	c := &comparison{Plan: p, manifest: m, deletions: bufio.NewWriter(deletions)}
	c.judge = judge{Plan: p, claimed: map[inode]string{}, actions: bufio.NewWriter(actions)}
	c.checks, c.ctx = startChecks(ctx, c.judge.take)
	err = c.run()
	if ended := c.checks.end(err); ended != nil {
		return fmt.Errorf("compare the replica with the manifest: %w", ended)
	}
	p.Space -= p.Freed
	return errors.Join(c.judge.actions.Flush(), c.deletions.Flush())
}

func (c *comparison) run() error {
	if err := c.advance(); err != nil {
		return err
	}
	if err := (tree.Walker{SkipLostFound: true}).Visit(c.replica.Root, c.visit); err != nil {
		return err
	}
	for c.next != nil {
		if err := c.missing(); err != nil {
			return err
		}
	}
	return c.leave("")
}

// advance goes to the next entry of the manifest.
func (c *comparison) advance() (err error) {
	c.next, err = c.manifest.Next()
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// visit takes an entry of the replica.
func (c *comparison) visit(e tree.Entry, dir int, name string) error {
	if c.ctx.Err() != nil {
		return context.Cause(c.ctx)
	}
	if err := c.leave(e.Path); err != nil {
		return err
	}
	for c.next != nil && manifest.Compare(c.next.Path, e.Path) < 0 {
		if err := c.missing(); err != nil {
			return err
		}
	}
	if e.IsDir() {
		if err := c.access(&e, dir, name); err != nil {
			return err
		}
	}
	if c.next == nil || c.next.Path != e.Path {
		return c.extra(&e, name)
	}
	c.Present++
	if err := c.both(&e, dir, name); err != nil {
		return err
	}
	return c.advance()
}

// missing takes an entry that only the manifest has.
func (c *comparison) missing() error {
	if err := c.checks.put(newCheck(c.next)); err != nil {
		return err
	}
	return c.advance()
}

// both takes an entry that both have.
func (c *comparison) both(e *tree.Entry, dir int, name string) error {
	check := newCheck(c.next)
	check.present = true
	check.excluded = c.replica.protects(e.Path, e.IsDir())
	if e.IsDir() != c.next.IsDir() {
		return c.otherKind(e, check)
	}
	have := manifest.Of(e)
	if !c.replica.Keeps.Owners {
		have.UID, have.GID = c.next.UID, c.next.GID
	}
	have.Link = c.next.Link // links are judged by themselves
	check.sameAttributes = have.SameAttributes(c.next)
	check.sameContent = e.Type() == typeOf(c.next) && have.Size == c.next.Size && have.Rdev == c.next.Rdev && have.Target == c.next.Target
	check.links, check.inode, check.allocated = e.Links, inode{e.Dev, e.Inode}, e.Allocated()
	if e.IsDir() {
		check.links = 1
	}
	if c.next.IsRegular() && c.next.Link == "" && c.next.Size > 0 && check.sameContent {
		var err error
		if check.file, err = c.open(e, dir, name); err != nil {
			return fmt.Errorf("open %q of the replica: %w", e.Path, err)
		}
	}
	return c.checks.put(check)
}

// otherKind takes a directory where the manifest has none, or the other way
// round. The old one goes before the new one is made.
func (c *comparison) otherKind(e *tree.Entry, check *check) error {
	if check.excluded {
		return inTheWay(e.Path, "the generation has "+typeOf(c.next)+" of that name")
	}
	check.present = false
	if e.IsDir() {
		c.doomed = append(c.doomed, doomed{path: e.Path, replaced: true})
	} else {
		c.free(e)
		if err := c.remove(e.Path, false); err != nil {
			return err
		}
	}
	return c.checks.put(check)
}
