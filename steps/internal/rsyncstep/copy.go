package rsyncstep

import (
	"context"
	"io"
	"path/filepath"
	"time"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/commit"
	"github.com/backube/scribe-gen/steps/internal/privilege"
	"github.com/backube/scribe-gen/steps/internal/protocol"
	"github.com/backube/scribe-gen/steps/internal/site"
	"github.com/backube/scribe-gen/steps/internal/step"
	"github.com/backube/scribe-gen/steps/internal/survey"
	"github.com/backube/scribe-gen/steps/internal/transfer"
	"github.com/backube/scribe-gen/tree"
)

func copyVerb() step.Verb {
	args := &contract.RsyncCopy{}
	return step.Verb{
		Command: args,
		Short:   "Send the point-in-time copy to a replica in the same pod and commit",
		Long: `Send the point-in-time copy to a replica that is mounted in the same pod, without
network, and commit it as a recovery point. It is what push and listen are for two
sites, with the same guard and the same replica snapshot.`,
		Example: `  rsync copy --relationship=wikidata-here --run-id=$UID --source=/source --root=/data \
    --claim=wikidata-copy --recovery-point=2026-01-02T03:04:05Z`,
		Run: func(ctx context.Context, env *step.Env) (contract.Outcome, error) { return copyRun(ctx, env, args) },
	}
}

func copyRun(ctx context.Context, env *step.Env, args *contract.RsyncCopy) (contract.Outcome, error) {
	var none contract.Outcome
	if err := step.Require("relationship", args.Relationship, "run-id", args.Run, "source", args.Source,
		"root", args.Root, "claim", args.Claim, "recovery-point", args.RecoveryPoint); err != nil {
		return none, err
	}
	at, err := step.RunAt(args.Run, args.RecoveryPoint)
	if err != nil {
		return none, err
	}
	store, err := site.Open(args.Site, env.Log)
	if err != nil {
		return none, err
	}
	c := &commit.Committer{Store: store, Replication: args.Replication, Relationship: args.Relationship, Replica: args.Replica, Log: env.Log}
	release, _, err := c.LockReplica(ctx)
	if err != nil {
		return none, err
	}
	defer release()
	state, done, err := c.Admit(ctx, args.Run, at)
	if err != nil {
		return none, commit.Local(err)
	}
	if done != nil {
		return done.Outcome("the run was committed before"), nil
	}
	return copyAndCommit(ctx, env, args, c, at, recorded(state))
}

// copyAndCommit needs the lock on the replica.
func copyAndCommit(ctx context.Context, env *step.Env, args *contract.RsyncCopy, c *commit.Committer, at time.Time, last transfer.Last) (contract.Outcome, error) {
	empty, err := tree.Empty(args.Root)
	if err != nil {
		return contract.Outcome{}, err
	}
	keeps, repair := privilege.Keeps(), survey.Repair(nil)
	t, err := transfer.New(env, args.Transfer, args.Guard, args.Source, transfer.Place{
		Destination: filepath.Clean(args.Root) + "/",
		Keeps:       keeps,
		Survey: func(ctx context.Context, in io.Reader, out io.Writer) (err error) {
			repair, err = survey.Answer(ctx, args.Root, keeps, in, out)
			return err
		},
		Begin: func(ctx context.Context) error {
			if err := c.Writing(ctx, args.Run, at); err != nil || repair == nil {
				return commit.Local(err)
			}
			return repair(ctx)
		},
		Empty: empty,
		Run:   transfer.Run{Relationship: args.Relationship, Run: args.Run, RecoveryPoint: at},
		Last:  last,
	})
	if err != nil {
		return contract.Outcome{}, err
	}
	report, err := t.Run(ctx)
	if err != nil {
		return report.Outcome(), err
	}
	done, err := c.Commit(ctx, protocol.Commit{Run: args.Run, RecoveryPoint: at, Totals: report.Totals, Digest: report.Digest})
	if err != nil {
		return report.Outcome(), commit.Local(err)
	}
	report.Acknowledge(env.Log)
	return report.Committed(done), nil
}

// recorded is what the state says of the runs before.
func recorded(s contract.State) transfer.Last {
	last := transfer.Last{Changed: s.Writing != nil}
	if s.Last != nil {
		last.Run, last.Digest = s.Last.Run, s.Last.Digest
	}
	return last
}
