package rsyncstep

import (
	"context"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/keys"
	"github.com/backube/scribe-gen/steps/internal/site"
	"github.com/backube/scribe-gen/steps/internal/step"
	"github.com/backube/scribe-gen/steps/internal/volume"
)

func keysVerb() step.Verb {
	args := &contract.RsyncKeys{}
	return step.Verb{
		Command: args,
		Short:   "Make the SSH keys of a relationship if they are absent, or rotate them",
		Long: `Make the SSH keys of a relationship at the destination if they are absent.

The Secret scribe-<relationship>-listener stays; scribe-<relationship>-push is
what the source needs, and is copied there by scribe-gen connect, by GitOps or by
hand. With --rotate the next keys are made: the listener accepts the current and
the next ones until the source has used the next.`,
		Example: `  rsync keys --relationship=wikidata-secondary --address=scribe.example.com --directory=/srv/site
  rsync keys --relationship=wikidata-secondary --directory=/srv/site --rotate`,
		Run: func(ctx context.Context, env *step.Env) (contract.Outcome, error) {
			if err := step.Require("relationship", args.Relationship); err != nil {
				return contract.Outcome{}, err
			}
			store, err := site.Open(args.Site, env.Log)
			if err != nil {
				return contract.Outcome{}, err
			}
			r, err := keys.Ensure(ctx, store, keys.Request{
				Owner:   volume.Owner{Replication: args.Replication, Relationship: args.Relationship, Run: args.Run},
				Address: args.Address, Port: args.Port, Rotate: args.Rotate,
			})
			if err != nil {
				return contract.Outcome{}, err
			}
			env.Log.Info("keys "+r.Did, "host", r.Host, "client", r.Client)
			return contract.Outcome{Reason: "keys " + r.Did + ": host " + r.Host + ", client " + r.Client}, nil
		},
	}
}
