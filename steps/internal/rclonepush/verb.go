// Package rclonepush publishes a volume as a new generation in an object store:
// content that is not there yet first, then the manifest, then the record that
// readers go by. It never changes or removes what a reader may be at work on.
package rclonepush

import (
	"context"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/step"
)

// Verb is the sub-command push of the binary rclone.
func Verb() step.Verb {
	args := &contract.RclonePush{}
	return step.Verb{
		Command: args,
		Short:   "Publish the point-in-time copy as a new generation in an object store",
		Long: `Publish the point-in-time copy as a new generation in an object store, from where
any number of destinations pull it.

Only content that the store does not have yet is uploaded. Readers see the new
generation when all of it is there, and not before. A push that was killed goes on
where it was when it is started again with the same --run-id; of two pushes at once,
one wins and the other says so.

The guard stops a run whose source is empty, or in which more entries of the latest
generation are gone than --max-delete allows, before anything is uploaded.

--config is a directory, such as a mounted Secret, with rclone.conf, and with files
such as RCLONE_TRANSFERS that hold the values of rclone's environment variables. Any
remote of rclone's will do, one that encrypts (crypt) too.

With --index, files that did not change since the last push are not read again. What
changed is told by inode, size, and the times of modification and of change, of which
nobody can set the last one. Without it every file is read.`,
		Example: `  rclone push --replication=wikidata --relationship=wikidata --run-id=$UID --root=/data \
    --recovery-point=2026-01-02T03:04:05Z --remote=s3:bucket/wikidata --config=/etc/scribe/rclone \
    --index=/var/lib/scribe --max-delete=50% --last=7
  rclone push --directory=/srv/site --replication=wikidata --relationship=wikidata --run-id=r1 \
    --root=/srv/wiki --recovery-point=$(date -u +%FT%TZ) --remote=archive:/mnt/archive/wiki --config=/etc/rclone`,
		Run: func(ctx context.Context, env *step.Env) (contract.Outcome, error) { return run(ctx, env, args) },
	}
}
