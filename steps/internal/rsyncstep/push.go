package rsyncstep

import (
	"context"
	"os"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/push"
	"github.com/backube/scribe-gen/steps/internal/step"
)

func pushVerb() step.Verb {
	args := &contract.RsyncPush{}
	return step.Verb{
		Command: args,
		Short:   "Send the point-in-time copy to the listener and commit",
		Long: `Send the point-in-time copy to the listener and commit it as a recovery point.

The guard stops a run whose source is empty, or that would delete more of the
replica than --max-delete allows, before anything is changed. A run that was
committed already is done at once.

With --index, the source remembers what it sent. A later run then looks only at
what changed since, and sees content that was changed with size and time put back;
the destination is compared anew where it has not recorded the same, and once a day.

With --remote-path the data goes to an ordinary SSH server with rsync, without
recovery point: the key directory then holds client.key, host.pub, address, port.`,
		Example: `  rsync push --relationship=wikidata-secondary --run-id=$UID --root=/data \
    --recovery-point=2026-01-02T03:04:05Z --keys=/etc/scribe/keys --max-delete=50%
  rsync push --root=/data --keys=/etc/scribe/keys --user=backup --remote-path=/srv/wiki`,
		Run: func(ctx context.Context, env *step.Env) (contract.Outcome, error) {
			self, err := os.Executable()
			if err != nil {
				return contract.Outcome{}, err
			}
			return push.Run(ctx, env, args, self)
		},
	}
}
