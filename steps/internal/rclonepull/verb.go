// Package rclonepull makes a replica equal to a generation of an object store and
// commits it: the pull step of any number of destinations, each on its own
// schedule. Nothing is changed before all that can be refused was looked at, and
// nothing is committed that was not checked, byte by byte, against the
// generation's manifest.
package rclonepull

import (
	"context"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/step"
)

// Verb is the sub-command pull of the binary rclone.
func Verb() step.Verb {
	args := &contract.RclonePull{}
	return step.Verb{
		Command: args,
		Short:   "Make the replica equal to a generation of an object store and commit it",
		Long: `Make the replica equal to the latest generation of an object store and commit it as
a recovery point, with a replica snapshot of its own.

The replica is compared with the generation's manifest first, the content of files
too. Only what differs is fetched, and every byte is checked against the manifest
before a file gets its name. If the replica has that content already, no replica
snapshot is cut. A store without a generation leaves the replica untouched: it is
refused, or with --allow-empty-source there is nothing to do.

What cannot be kept is refused before anything is changed: more deletions than
--max-delete allows, attributes that take privileges, too little space, and what the
filters protect but the generation has in another form.

--generation goes back to an older one; without it a recovery point older than the
last one is refused. While the step is at work, it asks for the generation to be
kept, for --pin at most. A generation that is removed nevertheless ends the step
without a commit, and the next attempt takes the latest.

--config is a directory, such as a mounted Secret, with rclone.conf, and with files
such as RCLONE_TRANSFERS that hold the values of rclone's environment variables.`,
		Example: `  rclone pull --replication=wikidata --relationship=wikidata-edge --run-id=$UID --root=/data \
    --claim=wikidata --remote=s3:bucket/wikidata --config=/etc/scribe/rclone --max-delete=50%
  rclone pull --directory=/srv/site --relationship=wikidata-edge --run-id=r1 --root=/srv/site/volumes/wikidata \
    --claim=wikidata --remote=archive:/mnt/archive/wiki --config=/etc/rclone --generation=41`,
		Run: func(ctx context.Context, env *step.Env) (contract.Outcome, error) { return run(ctx, env, args) },
	}
}
