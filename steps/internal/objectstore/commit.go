package objectstore

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/smithy-go"
	"github.com/rclone/rclone/fs"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/step"
)

const (
	// commitTries is how often a record is written when nothing stands there
	// afterwards.
	commitTries = 6
	// commitPause grows from try to try. A server may refuse one record while
	// another's is on its way.
	commitPause = 100 * time.Millisecond
)

// Commit makes g the latest generation, after parent; nil is for the first one.
// It sets Format and Number. When the run committed before, it returns the
// record that stands. The error is a *ConflictError when another run has that
// place in the history: exactly one does. A recovery point that is not newer
// than the parent's is refused. What the network did to the answer
// does not matter, as the record is read back.
//
// With S3 the record is written with the precondition that there is none. As
// not all servers, and no other backends, heed that, a push also announces
// itself before it writes: see claim.
func (s *Store) Commit(ctx context.Context, parent *Generation, g Generation) (Generation, error) {
	g.Format, g.Number = Format, 1
	if parent != nil {
		if parent.Run == g.Run {
			return *parent, nil
		}
		if parent.Replication != g.Replication {
			return Generation{}, step.Refuse(contract.RefusedStore, "%s holds the generations of replication %q, not of %q: give each replication its own path",
				s.name, parent.Replication, g.Replication)
		}
		if !g.RecoveryPoint.After(parent.RecoveryPoint) {
			return Generation{}, step.Refuse(contract.RefusedStale, "recovery point %s is not newer than that of generation %d, %s, in %s: only a newer one may follow",
				g.RecoveryPoint.UTC().Format(time.RFC3339Nano), parent.Number, parent.RecoveryPoint.UTC().Format(time.RFC3339Nano), s.name)
		}
		g.Number = parent.Number + 1
	}
	if !isComponent(g.Name) {
		return Generation{}, fmt.Errorf("commit generation %d to %s: %q is no name", g.Number, s.name, g.Name)
	}
	claim, err := s.claim(ctx, parent, g)
	if err != nil || claim.standing != nil {
		return settle(claim.standing, g, err)
	}
	defer claim.release()
	standing, err := s.write(ctx, parent, g)
	return settle(standing, g, err)
}

// settle decides by the record that stands.
func settle(standing *Generation, g Generation, err error) (Generation, error) {
	switch {
	case err != nil:
		return Generation{}, err
	case standing.Run != g.Run:
		return Generation{}, &ConflictError{By: *standing}
	}
	return *standing, nil
}

// write writes the record until one stands there, and returns that.
func (s *Store) write(ctx context.Context, parent *Generation, g Generation) (*Generation, error) {
	for try := 1; ; try++ {
		var options []fs.OpenOption
		if s.backend.s3 && !s.unconditional.Load() {
			options = append(options, &fs.HTTPOption{Key: "If-None-Match", Value: "*"})
		}
		failure := s.putJSON(ctx, recordName(g.Number), g, options...)
		standing, err := s.standing(ctx, parent, g)
		switch {
		case err != nil:
			return nil, err
		case standing != nil:
			return standing, nil
		case failure == nil:
			failure = errors.New("it was written, but it is not there")
		case refusesPreconditions(failure):
			s.log.Warn("the object store knows no precondition for writing; pushes keep apart by what they announce alone")
			s.unconditional.Store(true)
		}
		if try == commitTries || !isTransient(failure) {
			return nil, s.failed(failure, "commit generation %d to %s", g.Number, s.name)
		}
		if err := pause(ctx, time.Duration(try*try)*commitPause); err != nil {
			return nil, err
		}
	}
}

// refusesPreconditions reports whether the server does not know If-None-Match,
// rather than that something is there.
func refusesPreconditions(err error) bool {
	var coded smithy.APIError
	return statusOf(err) == http.StatusNotImplemented || errors.As(err, &coded) && coded.ErrorCode() == "NotImplemented"
}

// standing returns the record that decides whether g can be committed: that of
// its number, or of a later one; nil when there is none. That the parent is
// gone is an error, as the manifest refers to its content.
func (s *Store) standing(ctx context.Context, parent *Generation, g Generation) (*Generation, error) {
	found, err := s.records(ctx)
	if err != nil {
		return nil, err
	}
	var next *record
	parentThere := parent == nil
	for _, r := range found { // newest first
		if r.number >= g.Number {
			next = &r
		}
		parentThere = parentThere || r.number == parent.Number
	}
	switch {
	case next == nil && !parentThere:
		return nil, fmt.Errorf("%s: generation %d, which this push builds on, is gone: the store was emptied or put back; a retry starts from what is there", s.name, parent.Number)
	case next == nil:
		return nil, nil
	}
	standing, err := s.readRecord(ctx, *next)
	if err != nil && !errors.Is(err, ErrGone) {
		return nil, err
	}
	if errors.Is(err, ErrGone) { // removed since: only a later one explains that
		return s.Latest(ctx)
	}
	if parent == nil && standing.Replication != g.Replication {
		return nil, step.Refuse(contract.RefusedStore, "%s holds the generations of replication %q, not of %q: give each replication its own path",
			s.name, standing.Replication, g.Replication)
	}
	return standing, nil
}
