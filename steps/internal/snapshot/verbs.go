// Package snapshot is the steps that make point-in-time copies of a source,
// clean up after a run and apply retention to replica snapshots. What holds the
// volumes is the volume store's matter.
package snapshot

import (
	"context"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/site"
	"github.com/backube/scribe-gen/steps/internal/step"
	"github.com/backube/scribe-gen/steps/internal/volume"
)

// Verbs are the sub-commands of the binary snapshot.
func Verbs() []step.Verb { return []step.Verb{createVerb(), cleanupVerb(), pruneVerb()} }

func createVerb() step.Verb {
	c := &contract.SnapshotCreate{}
	return step.Verb{
		Command: c,
		Short:   "Make the point-in-time copy of the source",
		Long: `Makes the point-in-time copy that a run reads from, or finds the one that an
earlier attempt of the run made. Before that, it removes what killed runs of the
relationship left.

The name of the claim to read and the recovery point, an instant at or before
which every completed write is in the copy, are written to the files that
--claim-file and --recovery-point-file name. With the method Direct, nothing is
copied and the claim is the source itself.`,
		Example: `  # A copy of the claim wikidata below /srv/site, as scribe-copy-20260301t1200
  snapshot create --directory=/srv/site --relationship=wiki-secondary \
    --run-id=20260301t1200 --claim=wikidata --claim-file=/tmp/claim

  # Read the live volume
  snapshot create --directory=/srv/site --relationship=wiki-secondary \
    --run-id=20260301t1200 --claim=wikidata --method=Direct`,
		Run: func(ctx context.Context, env *step.Env) (contract.Outcome, error) {
			if err := require(c.Common, "claim", c.Claim); err != nil {
				return contract.Outcome{}, err
			}
			store, err := site.Open(c.Site, env.Log)
			if err != nil {
				return contract.Outcome{}, err
			}
			return Create(ctx, store, c, env.Log)
		},
	}
}

func cleanupVerb() step.Verb {
	c := &contract.SnapshotCleanup{}
	return step.Verb{
		Command: c,
		Short:   "Remove what a run may not leave behind",
		Long: `Removes the run's point-in-time copy and what killed runs of the relationship
left. Replica snapshots, replicas and what other relationships use are not
touched. Nothing to remove is no failure.`,
		Example: `  snapshot cleanup --directory=/srv/site --relationship=wiki-secondary \
    --run-id=20260301t1200`,
		Run: func(ctx context.Context, env *step.Env) (contract.Outcome, error) {
			if err := require(c.Common); err != nil {
				return contract.Outcome{}, err
			}
			store, err := site.Open(c.Site, env.Log)
			if err != nil {
				return contract.Outcome{}, err
			}
			return Cleanup(ctx, store, c, env.Log)
		},
	}
}

func pruneVerb() step.Verb {
	c := &contract.SnapshotPrune{}
	return step.Verb{
		Command: c,
		Short:   "Remove replica snapshots by age, and what killed runs left of them",
		Long: `Waits until the latest replica snapshot of the relationship is ready to use and
then removes those that no rule keeps. Hours, days, ISO weeks and months are
those of the recovery point in UTC. The latest always stays, and so do those with
the label ` + contract.LabelKeep + `. Without any rule, none is removed.

Before that, it removes what runs left that were killed while they cut their replica
snapshot: what never counted as one, of runs that the latest commit has overtaken.

While the relationship is promoted, nothing is removed.`,
		Example: `  # The newest three, and the newest of each of the last seven days that have one
  snapshot prune --directory=/srv/site --relationship=wiki-secondary \
    --claim=wikidata --last=3 --daily=7`,
		Run: func(ctx context.Context, env *step.Env) (contract.Outcome, error) {
			if err := step.Require("relationship", c.Relationship, "claim", c.Claim); err != nil {
				return contract.Outcome{}, err
			}
			store, err := site.Open(c.Site, env.Log)
			if err != nil {
				return contract.Outcome{}, err
			}
			return Prune(ctx, store, c, env.Log)
		},
	}
}

// require checks the arguments that name a run, and others given as name, value.
func require(c contract.Common, more ...string) error {
	err := step.Require(append([]string{"relationship", c.Relationship, "run-id", c.Run}, more...)...)
	if err != nil {
		return err
	}
	if err := contract.CheckRunID(c.Run); err != nil {
		return step.Usage("--run-id: %w", err)
	}
	return nil
}

func owner(c contract.Common) volume.Owner {
	return volume.Owner{Replication: c.Replication, Relationship: c.Relationship, Run: c.Run}
}
