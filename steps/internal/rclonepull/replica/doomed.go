package replica

import (
	"fmt"
	"io/fs"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/step"
	"github.com/backube/scribe-gen/tree"
)

// doomed is a directory of the replica that is to go, while what is in it is
// walked.
type doomed struct {
	path string
	// replaced: something of that name takes its place, so it is no deletion.
	replaced bool
	// stays: the filters protect something in it.
	stays bool
}

// extra takes an entry that only the replica has.
func (c *comparison) extra(e *tree.Entry, name string) error {
	switch {
	case isTemporary(name) && !e.IsDir():
		return c.remove(e.Path, false)
	case c.replica.protects(e.Path, e.IsDir()):
		c.Present++
		return c.protect(e)
	}
	c.Present++
	if e.IsDir() {
		c.doomed = append(c.doomed, doomed{path: e.Path})
		return nil
	}
	c.free(e)
	c.deleted(e.Path)
	return c.remove(e.Path, false)
}

// protect leaves an entry and the directories it is in.
func (c *comparison) protect(e *tree.Entry) error {
	for i := range c.doomed {
		if c.doomed[i].replaced {
			return inTheWay(e.Path, fmt.Sprintf("it is in the directory %q, which is none in the generation", c.doomed[i].path))
		}
		c.doomed[i].stays = true
	}
	if e.IsDir() {
		return fs.SkipDir
	}
	return nil
}

// leave takes leave of the doomed directories that path is not in.
func (c *comparison) leave(path string) error {
	for len(c.doomed) > 0 {
		last := c.doomed[len(c.doomed)-1]
		if inside(path, last.path) {
			return nil
		}
		c.doomed = c.doomed[:len(c.doomed)-1]
		if last.stays {
			c.Protected++
			continue
		}
		if !last.replaced {
			c.deleted(last.path)
		}
		if err := c.remove(last.path, true); err != nil {
			return err
		}
	}
	return nil
}

// inside reports whether path is below dir.
func inside(path, dir string) bool {
	return dir == "." && path != "." || len(path) > len(dir) && path[:len(dir)] == dir && path[len(dir)] == '/'
}

func (c *comparison) deleted(path string) {
	if c.Deletions++; len(c.DeletionNames) < namesShown {
		c.DeletionNames = append(c.DeletionNames, path)
	}
}

// free takes note that the file system gets the space of a file back.
func (c *comparison) free(e *tree.Entry) {
	if e.Links <= 1 {
		c.Freed += e.Allocated()
	}
}

// remove notes a path to be removed.
func (c *comparison) remove(path string, dir bool) error {
	c.Removed++
	kind := byte('f')
	if dir {
		kind = 'd'
	}
	_ = c.deletions.WriteByte(kind)
	_, _ = c.deletions.WriteString(path)
	return c.deletions.WriteByte(0)
}

// inTheWay refuses what would change what the filters protect.
func inTheWay(path, why string) error {
	return step.Refuse(contract.RefusedFilter, "the filters protect %q at the replica, and it is in the way: %s; change the filters, or remove it from the replica", path, why)
}
