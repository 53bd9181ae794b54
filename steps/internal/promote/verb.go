// Package promote is the step that fails over: it fences the relationship,
// chooses a replica snapshot and makes the application's claim from it.
package promote

import (
	"context"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/site"
	"github.com/backube/scribe-gen/steps/internal/step"
)

// Verb is the only command of the binary promote.
func Verb() step.Verb {
	c := &contract.Promote{}
	return step.Verb{
		Command: c,
		Short:   "Make the application's claim from a replica snapshot",
		Long: `Fails over to the replica. From its first moment on, every push is refused, so
that the old primary cannot overwrite what the new one is started from. An open
listener is awaited. Then the claim is made from the latest replica snapshot that
is ready to use, or from the one that --at names, and its recovery point is
reported: what was written to the primary after it is lost.

A promotion that was interrupted goes on with the snapshot it had chosen; one
that is complete is not done again. --resume takes the fencing back: pushes are
accepted again, and the promoted claim is left alone.`,
		Example: `  # From the latest replica snapshot
  promote --directory=/srv/dr --relationship=wiki-secondary \
    --replica=wikidata --claim=wikidata-live

  # As it was at noon
  promote --directory=/srv/dr --relationship=wiki-secondary \
    --replica=wikidata --claim=wikidata-noon --at=2026-03-01T12:00:00Z

  # Accept pushes again
  promote --directory=/srv/dr --relationship=wiki-secondary --resume`,
		Run: func(ctx context.Context, env *step.Env) (contract.Outcome, error) {
			if err := check(c); err != nil {
				return contract.Outcome{}, err
			}
			store, err := site.Open(c.Site, env.Log)
			if err != nil {
				return contract.Outcome{}, err
			}
			if c.Resume {
				return Resume(ctx, store, c.Relationship)
			}
			return Promote(ctx, store, c, env.Log)
		},
	}
}

func check(c *contract.Promote) error {
	if c.Resume {
		return step.Require("relationship", c.Relationship)
	}
	if err := step.Require("relationship", c.Relationship, "replica", c.Replica, "claim", c.Claim); err != nil {
		return err
	}
	if c.Claim == c.Replica {
		return step.Usage("--claim=%s: is the replica itself, which stays as it is; name another claim", c.Claim)
	}
	return nil
}
