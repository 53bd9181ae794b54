package replica

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/backube/scribe-gen/tree/manifest"
)

// place is where an entry that is no directory is made: name in the open
// directory dir. With replace, something may have that name.
type place struct {
	dir     int
	name    string
	replace bool
}

// make has an entry made and finished: under its own name when that is free,
// else under a temporary one that then takes its place. What is not finished is
// removed.
func (p place) make(create, finish func(name string) error) error {
	name := p.name
	err := error(unix.EEXIST)
	if !p.replace {
		err = create(name)
	}
	if errors.Is(err, unix.EEXIST) {
		name = temporaryName()
		err = create(name)
	}
	if err != nil {
		return err
	}
	if err = finish(name); err == nil && name != p.name {
		if err = unix.Renameat(p.dir, name, p.dir, p.name); err != nil {
			err = fmt.Errorf("rename: %w", err)
		}
	}
	if err != nil {
		_ = unix.Unlinkat(p.dir, name, 0)
	}
	return err
}

func temporaryName() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return temporaryPrefix + hex.EncodeToString(b[:]) + temporarySuffix
}

// makeEmpty makes what has no content: empty files, symbolic links and special
// files.
func (a *applier) makeEmpty(p place, e *manifest.Entry) error {
	create := func(name string) error { return unix.Mknodat(p.dir, name, e.Mode&unix.S_IFMT|0o600, int(e.Rdev)) }
	if e.IsSymlink() {
		create = func(name string) error { return unix.Symlinkat(e.Target, p.dir, name) }
	}
	err := p.make(func(name string) error {
		if err := create(name); err != nil {
			return fmt.Errorf("create %s: %w", typeOf(e), err)
		}
		return nil
	}, func(name string) error { return a.attributes(p.dir, name, e) })
	if err == nil && e.IsRegular() {
		a.Done(0, 1)
	}
	return err
}

// makeDirectory makes a directory that this user alone may use until it gets its
// attributes, after everything is in it.
func (a *applier) makeDirectory(dir int, name string) error {
	if err := unix.Mkdirat(dir, name, 0o700); err != nil {
		return fmt.Errorf("create directory: %w", err)
	}
	return disinherit(dir, name)
}
