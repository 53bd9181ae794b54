// Package store runs the contenders that replicate a directory through an object
// store: each publishes a source there and makes a replica equal to it, as it
// would in two pods, and is measured while it does.
package store

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"

	"github.com/backube/scribe-gen/steps/contract"
)

// Contender is one way to replicate a directory through an object store.
type Contender interface {
	// Name is how tables call it.
	Name() string
	// Push returns the command that publishes the source.
	Push(ctx context.Context, p Place) (*exec.Cmd, error)
	// Pull returns the command that makes the replica equal to what was published
	// last, and flushes its file system.
	Pull(ctx context.Context, p Place) (*exec.Cmd, error)
	// Loses are rsync's options for what the contender does not keep, so that the
	// rest can be verified.
	Loses() []string
}

// Place is where one contender replicates one source, any number of times.
type Place struct {
	// Source is the directory that is published. It is not changed.
	Source string
	// Dir holds all that the contender keeps on its hosts between runs, and the
	// replica.
	Dir string
	// Config is a directory with rclone.conf, Remote the remote and path in it
	// that the place has for itself.
	Config, Remote string
}

// Replica is the directory that pulls write to.
func (p Place) Replica() string { return p.layout().Volume(claim) }

// claim names the replica at the place's directory site.
const claim = "replica"

// layout is the directory site of the place.
func (p Place) layout() contract.Layout {
	return contract.Layout{Directory: filepath.Join(p.Dir, "site")}
}

// conf is the file that programs other than ours are given.
func (p Place) conf() string { return filepath.Join(p.Config, contract.KeyRcloneConfig) }

// lookPath finds the programs that a contender runs, each in the Debian package
// named with it.
func lookPath(programs map[string]string) error {
	for name, pkg := range programs {
		if _, err := exec.LookPath(name); err != nil {
			return fmt.Errorf("%w; install the package %s", err, pkg)
		}
	}
	return nil
}
