package replica

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/backube/scribe-gen/tree"
	"github.com/backube/scribe-gen/tree/at"
)

// opened is a directory that was made accessible, and the mode it had.
type opened struct {
	path string
	mode uint32
}

// mark says once that the replica is about to be written to.
func (p *Plan) mark(ctx context.Context) error {
	if p.marked || p.replica.BeforeWrite == nil {
		return nil
	}
	if err := p.replica.BeforeWrite(ctx); err != nil {
		return err
	}
	p.marked = true
	return nil
}

// access lets this process into a directory of its own whose mode keeps it out,
// unless the kernel lets it in whatever the mode.
func (c *comparison) access(e *tree.Entry, dir int, name string) error {
	if c.replica.Keeps.Owners || e.Permissions()&0o700 == 0o700 {
		return nil
	}
	if err := c.mark(c.ctx); err != nil {
		return err
	}
	err := unix.Fchmodat(dir, name, e.Permissions()|0o700, 0)
	if errors.Is(err, unix.EPERM) {
		return nil // another's, such as the root of the volume
	}
	if err != nil {
		return fmt.Errorf("make directory %q of the replica accessible: %w", e.Path, err)
	}
	c.opened = append(c.opened, opened{e.Path, e.Permissions()})
	return nil
}

// Drop undoes what making the plan changed. A plan that was applied, even in
// part, needs no Drop.
func (p *Plan) Drop() error {
	if len(p.opened) == 0 {
		return nil
	}
	root, err := at.OpenRoot(p.replica.Root)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(root) }()
	for len(p.opened) > 0 {
		last := p.opened[len(p.opened)-1]
		p.opened = p.opened[:len(p.opened)-1]
		dir, name, err := at.OpenParent(root, last.path)
		if err == nil {
			err = errors.Join(unix.Fchmodat(dir, name, last.mode, 0), unix.Close(dir))
		}
		if err != nil {
			return fmt.Errorf("give directory %q of the replica its mode back: %w", last.path, err)
		}
	}
	return nil
}

// open opens a file to be hashed, also one that its mode forbids to read.
func (c *comparison) open(e *tree.Entry, dir int, name string) (int, error) {
	fd, err := at.OpenFile(dir, name)
	if !errors.Is(err, unix.EACCES) || c.replica.Keeps.Owners {
		return fd, err
	}
	if err := c.mark(c.ctx); err != nil {
		return -1, err
	}
	if err := unix.Fchmodat(dir, name, e.Permissions()|0o400, 0); err != nil {
		return -1, err
	}
	fd, err = at.OpenFile(dir, name)
	return fd, errors.Join(err, unix.Fchmodat(dir, name, e.Permissions(), 0))
}
