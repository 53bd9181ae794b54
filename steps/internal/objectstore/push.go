package objectstore

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Push is the marker of a push under way. It keeps the parent generation, and
// the push's own layer and manifest, from collection.
type Push struct {
	// Name is the push's generation name, and that of its layer.
	Name string `json:"name"`
	// Run is the ID of the run.
	Run string `json:"run"`
	// Parent is the number of the generation the push builds on; 0 for none.
	Parent int64 `json:"parent"`
	// Started is when the first attempt began.
	Started time.Time `json:"started"`
	// Seen is when an attempt last said that it is at work. Begin and Alive set
	// it.
	Seen time.Time `json:"seen"`
	// Collected says that the push was given up and its layer is being removed.
	Collected bool `json:"collected,omitempty"`
}

// seenAgain is how old Seen may get before Alive renews it.
const seenAgain = time.Minute

func pushName(name string) string { return dirPushes + "/" + name + jsonSuffix }

// Begin marks a push as under way, before its first object is stored. It
// reports whether an earlier attempt of the run began it, whose objects may be
// there. The caller has read the parent before, and calls Alive during the push
// and before it commits. The error is a *ConflictError when an earlier attempt
// committed and others did since.
func (s *Store) Begin(ctx context.Context, p Push) (resumed bool, err error) {
	if !isComponent(p.Name) {
		return false, fmt.Errorf("begin push to %s: %q is no name", s.name, p.Name)
	}
	if by, err := s.after(ctx, p); err != nil || by != nil {
		if err == nil {
			err = &ConflictError{By: *by}
		}
		return false, err
	}
	var earlier Push
	switch err := s.readJSON(ctx, pushName(p.Name), &earlier); {
	case errors.Is(err, ErrGone):
	case err != nil:
		return false, err
	case earlier.Collected:
		return false, fmt.Errorf("push %s of run %s to %s was given up at %s, and what it stored is being removed: a new run starts afresh",
			p.Name, earlier.Run, s.name, earlier.Seen.UTC().Format(time.RFC3339))
	case earlier.Run != p.Run:
		return false, fmt.Errorf("push %s to %s is that of run %s, not of %s", p.Name, s.name, earlier.Run, p.Run)
	default:
		resumed, p.Started = true, earlier.Started
	}
	p.Seen = time.Now().UTC()
	return resumed, s.writeJSON(ctx, pushName(p.Name), p)
}

// after returns the newest generation if the push's own is in the history and
// is not that one. Its objects must not be written again: others refer to them.
func (s *Store) after(ctx context.Context, p Push) (*Generation, error) {
	in, err := s.Manifest(ctx, p.Name)
	if errors.Is(err, ErrGone) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	_ = in.Close()
	generations, err := s.Generations(ctx)
	for i, g := range generations {
		if g.Name == p.Name && (i > 0 || g.Run != p.Run) {
			return &generations[0], err
		}
	}
	return nil, err
}

// Alive says that the push is at work still. A push that lasts for longer than
// the time that given-up pushes are kept must call it now and then, and every
// push right before it commits: the error wraps ErrGone when the push was taken
// for given up, and its objects may not be there.
func (s *Store) Alive(ctx context.Context, name string) error {
	var p Push
	err := s.readJSON(ctx, pushName(name), &p)
	if err == nil && p.Collected {
		err = fmt.Errorf("push %s to %s was taken for given up and is being removed: %w", name, s.name, ErrGone)
	}
	if err != nil || time.Since(p.Seen) < seenAgain {
		return err
	}
	p.Seen = time.Now().UTC()
	return s.writeJSON(ctx, pushName(name), p)
}

// Done removes the marker of a push, after its commit and not otherwise: what a
// push without a marker stored is removed with its generation only. A push that
// failed leaves its marker for the next attempt, and one that will not come back
// calls Abandon.
func (s *Store) Done(ctx context.Context, name string) error {
	return s.remove(ctx, pushName(name))
}
