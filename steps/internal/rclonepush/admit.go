package rclonepush

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/commit"
	"github.com/backube/scribe-gen/steps/internal/objectstore"
	"github.com/backube/scribe-gen/steps/internal/protocol"
	"github.com/backube/scribe-gen/steps/internal/step"
	"github.com/backube/scribe-gen/steps/internal/volume"
)

// admitted asks the relationship's state at the source's site whether the run may
// be pushed. It returns what the run published if that is recorded already.
func (p *push) admitted(ctx context.Context) (*objectstore.Generation, error) {
	c := commit.Committer{Store: p.sites, Replication: p.args.Replication, Relationship: p.args.Relationship, Log: p.env.Log}
	state, done, err := c.Admit(ctx, p.args.Run, p.at)
	if refused := (*protocol.Refused)(nil); errors.As(err, &refused) && refused.Code != "" {
		return nil, step.Refuse(refused.Code, "%w", err)
	}
	if err != nil || done == nil {
		return nil, err
	}
	p.report.totals = state.Last.Totals
	return &objectstore.Generation{
		Number: state.Last.Generation, Run: p.args.Run, RecoveryPoint: state.Last.RecoveryPoint, Digest: state.Last.Digest,
	}, nil
}

// find looks up the latest generation in the store. It returns the run's own if
// there is one, and refuses a run that a newer recovery point has overtaken.
func (p *push) find(ctx context.Context) (*objectstore.Generation, error) {
	latest, err := p.store.Latest(ctx)
	if errors.Is(err, objectstore.ErrNoGeneration) {
		p.env.Log.Info("the store has no generation yet", "remote", p.args.Remote)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	p.parent = latest
	p.env.Log.Info("latest generation", "generation", latest.Number, "recoveryPoint", latest.RecoveryPoint, "digest", latest.Digest)
	if latest.Run == p.args.Run {
		return latest, nil
	}
	if p.at.After(latest.RecoveryPoint) {
		return nil, nil
	}
	generations, err := p.store.Generations(ctx)
	if err != nil {
		return nil, err
	}
	for i := range generations {
		if generations[i].Run == p.args.Run {
			return &generations[i], nil
		}
	}
	return nil, p.stale(latest)
}

func (p *push) stale(by *objectstore.Generation) error {
	return step.Refuse(contract.RefusedStale, "run %s has the recovery point %s, but generation %d of run %s with %s is in the store already: nothing older may follow it",
		p.args.Run, p.at.Format(time.RFC3339Nano), by.Number, by.Run, by.RecoveryPoint.Format(time.RFC3339Nano))
}

// lost says what another push that won the generation's number means for this
// one.
func (p *push) lost(err error) error {
	var conflict *objectstore.ConflictError
	if !errors.As(err, &conflict) {
		return err
	}
	if !p.at.After(conflict.By.RecoveryPoint) {
		return p.stale(&conflict.By)
	}
	return fmt.Errorf("run %s published generation %d while this run was at work; a retry follows it, and uploads nothing again: %w",
		conflict.By.Run, conflict.By.Number, err)
}

// settle records a generation of the run in the relationship's state, and removes
// the push's marker from the store. A newer one that is recorded stays.
func (p *push) settle(ctx context.Context, g objectstore.Generation) error {
	p.report.totals.Wire = p.store.Stats().Bytes
	entry := contract.Commit{
		Run: g.Run, RecoveryPoint: g.RecoveryPoint, Time: time.Now().UTC(), Totals: p.report.totals, Digest: g.Digest, Generation: g.Number,
	}
	_, err := volume.Update(ctx, p.sites, p.args.Relationship, func(s *contract.State) error {
		if s.Last != nil && s.Last.Generation >= g.Number && !g.RecoveryPoint.After(s.Last.RecoveryPoint) {
			return errRecorded
		}
		s.Last = &entry
		return nil
	})
	if err != nil && !errors.Is(err, errRecorded) {
		return fmt.Errorf("generation %d is published; record it in the state of %s (a retry does): %w", g.Number, p.args.Relationship, err)
	}
	if g.Unchanged {
		// An earlier attempt may have uploaded what changed back since. With its
		// marker, that is collected as the layer of a push that was given up.
		return nil
	}
	if err := p.store.Done(ctx, g.Name); err != nil {
		p.report.warn("the marker of this push stays in the store, where it keeps generation %d until --grace is over: %v", g.Number-1, err)
	}
	return nil
}

var errRecorded = errors.New("recorded already")
