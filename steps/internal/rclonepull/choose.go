package rclonepull

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/commit"
	"github.com/backube/scribe-gen/steps/internal/objectstore"
	"github.com/backube/scribe-gen/steps/internal/step"
	"github.com/backube/scribe-gen/steps/internal/volume"
)

// committed returns the commit of the run if it is recorded already. A replica
// that is promoted or paused is refused before the store is asked for anything.
func (p *pull) committed(ctx context.Context) (*contract.Commit, error) {
	p.committer.Backwards = true // which generation it will be is not known yet
	state, done, err := p.committer.Admit(ctx, p.args.Run, time.Time{})
	p.committer.Backwards = false
	if done == nil || err != nil {
		return nil, commit.Local(err)
	}
	return state.Last, nil
}

// choose finds the generation to pull.
func (p *pull) choose(ctx context.Context) (err error) {
	if n := int64(p.args.Generation); n > 0 {
		p.generation, err = p.objects.Generation(ctx, n)
	} else {
		p.generation, err = p.objects.Latest(ctx)
	}
	if err != nil {
		return err
	}
	g := p.generation
	p.report.totals.Entries, p.report.totals.Bytes = g.Entries, g.Bytes
	p.env.Log.Info("generation", "generation", g.Number, "name", g.Name, "recoveryPoint", g.RecoveryPoint.Format(time.RFC3339Nano),
		"digest", g.Digest, "entries", g.Entries, "bytes", g.Bytes)
	return nil
}

// absent says what it means that the generation is not there.
func (p *pull) absent(err error) (contract.Outcome, error) {
	switch {
	case !errors.Is(err, objectstore.ErrNoGeneration):
		return contract.Outcome{}, err
	case p.args.Generation > 0:
		return contract.Outcome{}, step.Refuse(contract.RefusedNoGeneration,
			"%s has no generation %d: it was removed by retention, or was never published; choose another, or leave --generation out for the latest: %w",
			p.objects, p.args.Generation, err)
	case p.args.AllowEmptySource:
		return contract.Outcome{
			Outcome: contract.ResultNothing, Reason: fmt.Sprintf("nothing was published to %s yet; the replica is untouched", p.objects),
		}, nil
	}
	return contract.Outcome{}, step.Refuse(contract.RefusedNoGeneration,
		"%s has no generation: check spec.rclone.remote, and that the source has pushed there; the replica is untouched (guard.allowEmptySource makes this no failure): %w",
		p.objects, err)
}

// admit decides whether the generation may be committed, and reports whether
// nobody wrote to the replica since its last commit.
func (p *pull) admit(ctx context.Context) (unwritten bool, err error) {
	state, _, err := p.committer.Store.Load(ctx, p.args.Relationship)
	if err != nil {
		return false, err
	}
	p.last = state.Last
	// An older generation is what was asked for. What was committed last is no
	// step back; it is pulled again to undo what a killed pull did.
	p.committer.Backwards = p.args.Generation > 0 || p.unchanged()
	if _, _, err := p.committer.Admit(ctx, p.args.Run, p.generation.RecoveryPoint); err != nil {
		return false, p.older(commit.Local(err))
	}
	return state.Writing == nil, nil
}

// older tells how to go back, where that is what was refused.
func (p *pull) older(err error) error {
	if step.Refusal(err) != contract.RefusedStale {
		return err
	}
	return step.Refuse(contract.RefusedStale, "generation %d, the latest of %s, is older than what the replica has: %w; pull it with --generation=%d if that is meant",
		p.generation.Number, p.objects, err, p.generation.Number)
}

// unchanged reports whether the generation's content is what was committed last.
func (p *pull) unchanged() bool {
	return p.last != nil && p.last.Generation > 0 && p.last.Digest == p.generation.Digest
}

// settle ends a pull after which the replica has the content that was committed
// last: no replica snapshot is cut, but the state says that the source still had
// it at the generation's recovery point.
func (p *pull) settle(ctx context.Context, reason string) (contract.Outcome, error) {
	g := p.generation
	state, err := volume.Update(ctx, p.committer.Store, p.args.Relationship, func(s *contract.State) error {
		if s.Last == nil || s.Last.Run != p.last.Run {
			return errors.New("another run committed meanwhile")
		}
		s.Writing = nil
		if g.RecoveryPoint.After(s.Last.Current()) {
			at := g.RecoveryPoint.UTC()
			s.Last.AsOf, s.Last.Generation = &at, g.Number
		}
		return nil
	})
	if err != nil {
		return p.outcome(), fmt.Errorf("record that generation %d has the content of the last commit: %w", g.Number, err)
	}
	out := p.outcome()
	current := state.Last.Current()
	out.Outcome, out.Reason, out.RecoveryPoint, out.Snapshot = contract.ResultNothing, reason, &current, state.Last.Snapshot
	return out, nil
}
