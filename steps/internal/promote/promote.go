package promote

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/step"
	"github.com/backube/scribe-gen/steps/internal/volume"
)

// Store is what a promotion needs of a site.
type Store interface {
	volume.States
	volume.Snapshotter
	volume.Restorer
	volume.Quiescer
}

// promotion is one promotion under way.
type promotion struct {
	Store
	*contract.Promote
	log *slog.Logger
}

// Promote fails over. Each step is recorded in the relationship's state before
// the next begins, so that a promotion which is interrupted at any point can be
// started again.
func Promote(ctx context.Context, store Store, c *contract.Promote, log *slog.Logger) (contract.Outcome, error) {
	// Before anything is fenced.
	if problems := validation.IsDNS1123Subdomain(c.Claim); len(problems) > 0 {
		return contract.Outcome{}, step.Usage("--claim=%q: %s", c.Claim, strings.Join(problems, "; "))
	}
	timeout := cmp.Or(c.Timeout, 10*time.Minute)
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf(
		"the promotion was not complete within %s, which --timeout changes; it goes on when it is started again: %w", timeout, context.DeadlineExceeded))
	defer cancel()
	p := promotion{Store: store, Promote: c, log: log}

	state, _, err := p.Load(ctx, p.Relationship)
	if err != nil {
		return contract.Outcome{}, err
	}
	if done := state.Promoted; done != nil && done.Complete {
		return p.repeat(ctx, *done)
	}
	// Nothing is fenced before there is something to fail over to.
	if _, err := p.candidate(ctx, state.Promoted); err != nil {
		return contract.Outcome{}, err
	}
	fenced, err := p.fence(ctx)
	if err != nil {
		return contract.Outcome{}, err
	}
	p.log.Info("pushes are refused from now on; waiting for an open listener to end")
	if err := p.quiesce(ctx); err != nil {
		return contract.Outcome{}, err
	}
	chosen, err := p.decide(ctx, fenced)
	if err != nil {
		return contract.Outcome{}, err
	}
	return p.finish(ctx, chosen)
}

// repeat answers a promotion that was completed before.
func (p promotion) repeat(ctx context.Context, done contract.Promotion) (contract.Outcome, error) {
	same := done.Claim == p.Claim
	if same && p.At != "" && p.At != latest && p.At != done.Snapshot {
		snapshots, err := p.Snapshots(ctx, p.Replica, p.Relationship)
		if err != nil {
			return contract.Outcome{}, err
		}
		wanted, err := choose(snapshots, p.At, p.Replica)
		same = err == nil && wanted.Name == done.Snapshot
	}
	if !same {
		return contract.Outcome{}, step.Refuse(contract.RefusedPromoted,
			"the relationship was promoted at %s to claim %s from replica snapshot %s; use --resume first if that is to be undone",
			stamp(done.Time), done.Claim, done.Snapshot)
	}
	return outcome(done, contract.ResultNothing, "was promoted before"), nil
}

// candidate is the snapshot to promote: the one that an interrupted promotion
// had chosen, unless --at says otherwise or it is gone.
func (p promotion) candidate(ctx context.Context, recorded *contract.Promotion) (volume.Snapshot, error) {
	snapshots, err := p.Snapshots(ctx, p.Replica, p.Relationship)
	if err != nil {
		return volume.Snapshot{}, err
	}
	if recorded != nil && (p.At == "" || p.At == latest) {
		for _, s := range snapshots {
			if s.Name == recorded.Snapshot {
				return s, nil
			}
		}
	}
	return choose(snapshots, p.At, p.Replica)
}

// fence marks the relationship as promoted, though not to what.
func (p promotion) fence(ctx context.Context) (contract.Promotion, error) {
	state, err := p.update(ctx, func(s *contract.State) error {
		if s.Promoted == nil {
			s.Promoted = &contract.Promotion{Time: time.Now().UTC().Round(0)}
		}
		s.Promoted.Claim = p.Claim
		return nil
	})
	if err != nil {
		return contract.Promotion{}, err
	}
	return *state.Promoted, nil
}

// quiesce waits until no listener writes to the replica: until none holds it any
// more, or the one that does says that it has stopped.
func (p promotion) quiesce(ctx context.Context) error {
	waiting, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	states, err := p.Watch(waiting, p.Relationship)
	if err != nil {
		return err
	}
	go func() {
		for s := range states {
			if s.Promoted != nil && s.Promoted.Quiet {
				stop(errQuiet)
			}
		}
	}()
	err = p.Quiesce(waiting, p.Replica)
	if errors.Is(context.Cause(waiting), errQuiet) {
		return nil
	}
	return err
}

var errQuiet = errors.New("the listener has stopped")

// decide chooses the snapshot, now that no commit can add one, and records it.
func (p promotion) decide(ctx context.Context, recorded contract.Promotion) (contract.Promotion, error) {
	chosen, err := p.candidate(ctx, &recorded)
	if err != nil {
		return contract.Promotion{}, err
	}
	state, err := p.update(ctx, func(s *contract.State) error {
		if s.Promoted == nil {
			return errors.New("the relationship was resumed while it was promoted; start again if it is to be promoted")
		}
		s.Promoted.Snapshot, s.Promoted.RecoveryPoint = chosen.Name, chosen.RecoveryPoint
		return nil
	})
	if err != nil {
		return contract.Promotion{}, err
	}
	p.log.Info("chose replica snapshot", "snapshot", chosen.Name, "recoveryPoint", chosen.RecoveryPoint)
	return *state.Promoted, p.WaitReady(ctx, p.Replica, chosen.Name)
}

// finish makes the claim and records that it is usable.
func (p promotion) finish(ctx context.Context, chosen contract.Promotion) (contract.Outcome, error) {
	err := p.Restore(ctx, volume.RestoreRequest{
		Owner:   volume.Owner{Replication: p.Replication, Relationship: p.Relationship, Run: p.Run},
		Replica: p.Replica, Snapshot: chosen.Snapshot, Claim: p.Claim,
		StorageClass: p.StorageClass, Capacity: p.Capacity, AccessModes: list(p.AccessModes),
	})
	if errors.Is(err, volume.ErrExists) {
		return contract.Outcome{}, step.Refuse(contract.RefusedExists, "%w; promote again with another --claim", err)
	}
	if err != nil {
		return contract.Outcome{}, err
	}
	state, err := p.update(ctx, func(s *contract.State) error {
		if s.Promoted == nil {
			return fmt.Errorf("the relationship was resumed while it was promoted; claim %s was made", p.Claim)
		}
		s.Promoted.Complete = true
		return nil
	})
	if err != nil {
		return contract.Outcome{}, err
	}
	return outcome(*state.Promoted, contract.ResultDone, "was made"), nil
}

// update changes the state unless another promotion was completed meanwhile.
func (p promotion) update(ctx context.Context, change func(*contract.State) error) (contract.State, error) {
	return volume.Update(ctx, p.Store, p.Relationship, func(s *contract.State) error {
		if s.Promoted != nil && s.Promoted.Complete && s.Promoted.Claim != p.Claim {
			return step.Refuse(contract.RefusedPromoted, "the relationship was promoted to claim %s meanwhile", s.Promoted.Claim)
		}
		return change(s)
	})
}

func outcome(p contract.Promotion, result contract.Result, what string) contract.Outcome {
	return contract.Outcome{
		Outcome: result, Claim: p.Claim, Snapshot: p.Snapshot, RecoveryPoint: &p.RecoveryPoint,
		Reason: fmt.Sprintf("claim %s %s from replica snapshot %s; its recovery point %s was %s old when pushes were first refused",
			p.Claim, what, p.Snapshot, stamp(p.RecoveryPoint), age(p.Time.Sub(p.RecoveryPoint))),
	}
}

// Resume takes fencing and pause back.
func Resume(ctx context.Context, states volume.States, relationship string) (contract.Outcome, error) {
	var before contract.State
	_, err := volume.Update(ctx, states, relationship, func(s *contract.State) error {
		before = *s
		s.Promoted, s.Paused = nil, nil
		return nil
	})
	if err != nil {
		return contract.Outcome{}, err
	}
	switch {
	case before.Promoted != nil:
		return contract.Outcome{Claim: before.Promoted.Claim, Snapshot: before.Promoted.Snapshot,
			Reason: fmt.Sprintf("pushes are accepted again; claim %s was left alone", before.Promoted.Claim)}, nil
	case before.Paused != nil:
		return contract.Outcome{Reason: "pushes are accepted again"}, nil
	}
	return contract.Outcome{Outcome: contract.ResultNothing, Reason: "the relationship was neither promoted nor paused"}, nil
}
