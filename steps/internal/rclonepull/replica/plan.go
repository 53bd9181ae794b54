package replica

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/backube/scribe-gen/tree/manifest"
)

// namesShown is how many names of entries a plan holds.
const namesShown = 10

// Plan is what is to be done to a replica.
type Plan struct {
	// Summary is that of the manifest.
	manifest.Summary
	// Present is the number of entries that the replica has, with the root.
	Present int64
	// Deletions is how many entries of the replica go because the manifest does
	// not have them, and DeletionNames the first few of them.
	Deletions     int64
	DeletionNames []string
	// Protected is how many directories stay although the manifest does not have
	// them, because the filters protect something in them.
	Protected int64
	// Changes is how many entries are made or changed.
	Changes int64
	// Fetch is how many files are fetched, and FetchBytes their size.
	Fetch, FetchBytes int64
	// Space is how many bytes more the replica takes afterwards; Freed is what is
	// given back before anything is fetched. LargestReplaced is the size of the
	// largest file that is fetched while there is an old one.
	Space, Freed, LargestReplaced int64
	// Made is how many entries are new to the file system, and Removed how many
	// it loses.
	Made, Removed int64
	// Foreign is how many entries have an owner that cannot be kept.
	Foreign int64
	// Unkept is how many entries cannot be kept at all, and UnkeptNames the first
	// few, each with the reason.
	Unkept      int64
	UnkeptNames []string
	// Warnings are what applying the plan could not do.
	Warnings []string

	replica Replica
	links   int64
	// groups is the number of names of every file that has several, by its first.
	groups map[string]uint64
	// opened are the directories that were made accessible for the plan.
	opened []opened
	marked bool
}

// The files of a plan, in Replica.Temp.
const (
	actionsFile   = "actions"
	deletionsFile = "deletions"
)

// action is what is done to one entry of the manifest.
type action byte

const (
	// keep: the entry is there with all that counts.
	keep action = iota
	// mend: only attributes are not right.
	mend
	// create: there is nothing of that name once the deletions are done.
	create
	// replace: there is something else that is no directory.
	replace
	// link: the name is to be linked to the file's first name.
	link
)

// Plan compares the replica with the manifest, and changes nothing but the modes
// of directories that it could not enter otherwise. A plan that is not applied
// must be dropped.
func (r Replica) Plan(ctx context.Context) (*Plan, error) {
	p := &Plan{replica: r, groups: map[string]uint64{}}
	if err := p.readManifest(); err != nil {
		return nil, err
	}
	if err := p.compare(ctx); err != nil {
		return nil, errors.Join(err, p.Drop())
	}
	return p, nil
}

// Nothing reports whether the replica is what it is to be already.
func (p *Plan) Nothing() bool {
	return p.Changes == 0 && p.Deletions == 0 && p.Removed == 0 && len(p.opened) == 0
}

// readManifest reads the whole manifest before the replica is looked at, so that
// a broken one does no harm.
func (p *Plan) readManifest() error {
	summary, err := p.eachEntry(func(e *manifest.Entry) error {
		if e.Link != "" {
			p.groups[e.Link]++
		}
		p.noteUnkept(e)
		if e.IsRegular() && e.Size > 0 && e.Hash.IsZero() {
			return fmt.Errorf("the manifest has no hash of the content of %q", e.Path)
		}
		return nil
	})
	if err == nil && summary.Digest != p.replica.Digest {
		err = fmt.Errorf("its digest is %s, and must be %s", summary.Digest, p.replica.Digest)
	}
	if err != nil {
		return fmt.Errorf("the manifest is not what was published: %w", err)
	}
	p.Summary = summary
	return nil
}

// eachEntry calls fn for every entry of the manifest.
func (p *Plan) eachEntry(fn func(*manifest.Entry) error) (manifest.Summary, error) {
	f, err := os.Open(p.replica.Manifest)
	if err != nil {
		return manifest.Summary{}, err
	}
	defer func() { _ = f.Close() }()
	m, err := manifest.NewReader(f)
	if err != nil {
		return manifest.Summary{}, err
	}
	defer m.Close()
	for {
		e, err := m.Next()
		if errors.Is(err, io.EOF) {
			return m.Summary(), nil
		}
		if err == nil {
			err = fn(e)
		}
		if err != nil {
			return manifest.Summary{}, err
		}
	}
}

// eachAction calls fn for every entry of the manifest with what is to be done to
// it.
func (p *Plan) eachAction(ctx context.Context, fn func(*manifest.Entry, action) error) error {
	f, err := os.Open(filepath.Join(p.replica.Temp, actionsFile))
	if err != nil {
		return fmt.Errorf("read the plan: %w", err)
	}
	defer func() { _ = f.Close() }()
	actions := bufio.NewReader(f)
	_, err = p.eachEntry(func(e *manifest.Entry) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		b, err := actions.ReadByte()
		if err != nil {
			return fmt.Errorf("read the plan: %w", err)
		}
		return fn(e, action(b))
	})
	return err
}
