package replica

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/backube/scribe-gen/tree/at"
	"github.com/backube/scribe-gen/tree/manifest"
)

// linkNames gives files their further names, now that the first ones are right.
func (a *applier) linkNames(ctx context.Context) error {
	if a.links == 0 {
		return nil
	}
	parents, firsts := parents{root: a.root}, parents{root: a.root}
	defer parents.close()
	defer firsts.close()
	return a.eachAction(ctx, func(e *manifest.Entry, what action) error {
		if what != link {
			return nil
		}
		from, first, err := firsts.of(e.Link)
		if err != nil {
			return fmt.Errorf("open the directory of %q: %w", e.Link, err)
		}
		dir, name, err := parents.of(e.Path)
		if err != nil {
			return fmt.Errorf("open the directory of %q: %w", e.Path, err)
		}
		err = place{dir: dir, name: name}.make(
			func(name string) error { return unix.Linkat(from, first, dir, name, 0) },
			func(string) error { return nil })
		if err != nil {
			return fmt.Errorf("link %q to %q: %w", e.Path, e.Link, err)
		}
		return nil
	})
}

// directories gives directories their attributes, last of all, as their times
// change with what is put into them, and their modes may forbid it. What is in a
// directory comes before it.
func (a *applier) directories(ctx context.Context) error {
	type open struct {
		manifest.Entry
		what action
	}
	var stack []open
	finish := func(last open) error {
		stack = stack[:len(stack)-1]
		if err := a.directory(&last.Entry, last.what); err != nil {
			return fmt.Errorf("directory %q: %w", last.Path, err)
		}
		return nil
	}
	err := a.eachAction(ctx, func(e *manifest.Entry, what action) error {
		for len(stack) > 0 && !inside(e.Path, stack[len(stack)-1].Path) {
			if err := finish(stack[len(stack)-1]); err != nil {
				return err
			}
		}
		if e.IsDir() {
			entry := *e
			entry.Xattrs = slices.Clone(e.Xattrs)
			stack = append(stack, open{entry, what})
		}
		return nil
	})
	for err == nil && len(stack) > 0 {
		err = finish(stack[len(stack)-1])
	}
	return err
}

// directory gives one directory its attributes, if they are not right.
func (a *applier) directory(e *manifest.Entry, what action) error {
	dir, name, err := at.OpenParent(a.root, e.Path)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(dir) }()
	if what == keep {
		// Only what the work in it may have changed.
		var st unix.Stat_t
		if err := unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return err
		}
		if st.Mode == e.Mode && st.Mtim.Nano() == e.ModTime {
			return nil
		}
	}
	err = a.attributes(dir, name, e)
	if errors.Is(err, unix.EPERM) && e.Path == "." && !a.replica.Keeps.Owners {
		a.Warnings = append(a.Warnings, "the root directory of the replica keeps its own mode and times, as it belongs to another user than the mover's")
		return nil
	}
	return err
}
