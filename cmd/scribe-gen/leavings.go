package main

import (
	"context"
	"errors"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/templates/remote"
)

// leavings is what a run made at Kubernetes sites, for --cleanup. It never holds
// what was there before, nor claims, replica snapshots and state.
type leavings struct {
	*runner
	changes []appliedAt
	// secrets are those that were not there before.
	secrets []secretAt
	runs    []startedRun
}

type appliedAt struct {
	end
	changes []remote.Change
}

type secretAt struct {
	end
	name string
}

type startedRun struct {
	end
	pipeline *remote.Pipeline
}

// before notes which of the relationship's Secrets are not there yet.
func (l *leavings) before(ctx context.Context, e end) error {
	names := []string{contract.PushSecret(e.Relationship.Name)}
	if e.Pipeline.Role == contract.RoleDestination {
		names = append(names, contract.ListenerSecret(e.Relationship.Name))
	}
	for _, name := range names {
		data, err := e.session.Secret(ctx, name)
		if err != nil {
			return err
		}
		if data == nil {
			l.secrets = append(l.secrets, secretAt{e, name})
		}
	}
	return nil
}

func (l *leavings) applied(e end, changes []remote.Change) {
	l.changes = append(l.changes, appliedAt{e, changes})
}

// remove deletes all of it, unless a run goes on that needs it.
func (l *leavings) remove(ctx context.Context, failure error) error {
	var abandoned *remote.AbandonedError
	if errors.As(failure, &abandoned) {
		l.console.note("nothing is cleaned up, as run %s goes on", abandoned.Run)
		return nil
	}
	var errs []error
	for _, r := range l.runs {
		if name := r.pipeline.Name(); name != "" {
			errs = append(errs, r.session.Failed("delete", "run "+name, r.session.Engine.Delete(ctx, name)))
		}
	}
	for _, s := range l.secrets {
		errs = append(errs, s.session.DeleteSecret(ctx, s.name))
	}
	count := 0
	for _, a := range l.changes {
		removed, err := a.session.Remove(ctx, a.changes)
		errs, count = append(errs, err), count+len(removed)
	}
	if !l.console.quiet {
		l.console.note("cleaned up: %d objects, %d Secrets, %d runs", count, len(l.secrets), len(l.runs))
	}
	return errors.Join(errs...)
}
