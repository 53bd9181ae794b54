package rclonepull

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/commit"
	"github.com/backube/scribe-gen/steps/internal/guard"
	"github.com/backube/scribe-gen/steps/internal/objectstore"
	"github.com/backube/scribe-gen/steps/internal/privilege"
	"github.com/backube/scribe-gen/steps/internal/progress"
	"github.com/backube/scribe-gen/steps/internal/protocol"
	"github.com/backube/scribe-gen/steps/internal/rclonepull/replica"
	"github.com/backube/scribe-gen/steps/internal/step"
	"github.com/backube/scribe-gen/steps/internal/storeargs"
	"github.com/backube/scribe-gen/tree/filter"
	"github.com/backube/scribe-gen/tree/manifest"
)

// pull is one pull under way.
type pull struct {
	args      *contract.RclonePull
	env       *step.Env
	limit     guard.Limit
	filter    *filter.Filter
	committer *commit.Committer
	objects   *objectstore.Store
	// generation is the one that is pulled, last the commit that the replica had
	// before, nil for none.
	generation *objectstore.Generation
	last       *contract.Commit
	report     report
}

func run(ctx context.Context, env *step.Env, args *contract.RclonePull) (contract.Outcome, error) {
	p, err := begin(env, args)
	if err != nil {
		return contract.Outcome{}, err
	}
	if done, err := p.committed(ctx); done != nil || err != nil {
		return outcomeOf(done), err
	}
	if p.objects, err = storeargs.Open(ctx, args.ObjectStore, args.Replication, env.Log); err != nil {
		return contract.Outcome{}, err
	}
	if err := p.choose(ctx); err != nil {
		return p.absent(err)
	}
	release, _, err := p.committer.LockReplica(ctx)
	if err != nil {
		return contract.Outcome{}, err
	}
	defer release()
	// Whoever held the replica until now may have committed.
	unwritten, err := p.admit(ctx)
	if err != nil {
		return p.outcome(), err
	}
	if unwritten && p.unchanged() {
		return p.settle(ctx, "the replica has this content already")
	}
	defer p.pin(ctx)()
	return p.pull(ctx)
}

// pull does the work, while the replica is held.
func (p *pull) pull(ctx context.Context) (contract.Outcome, error) {
	dir, err := os.MkdirTemp("", "scribe-pull-")
	if err != nil {
		return p.outcome(), fmt.Errorf("make room for the manifest (set TMPDIR to another file system): %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	r := replica.Replica{
		Root: p.args.Root, Manifest: filepath.Join(dir, "manifest.zst"), Digest: p.generation.Digest,
		Keeps: privilege.Keeps(), Temp: dir,
		BeforeWrite: p.writing, Log: p.env.Log,
	}
	comparing := progress.Of(p.env, "comparing", p.generation.Bytes)
	r.Compared = func(bytes, files int64) { comparing.Add(bytes, files, files) }
	if p.filter != nil {
		r.Filter = p.filter
	}
	if err := p.fetchManifest(ctx, r.Manifest); err != nil {
		return p.outcome(), p.gone(ctx, err)
	}
	plan, err := r.Plan(ctx)
	if errors.Is(err, manifest.ErrVersion) {
		return p.outcome(), step.Refuse(contract.RefusedVersion, "generation %d: %w", p.generation.Number, err)
	}
	if err != nil {
		return p.outcome(), err
	}
	if err := p.judge(plan); err != nil {
		return p.outcome(), errors.Join(err, plan.Drop())
	}
	if !plan.Nothing() {
		if err := p.apply(ctx, plan); err != nil {
			return p.outcome(), p.gone(ctx, err)
		}
	}
	if err := p.lookAgain(ctx); err != nil {
		return p.outcome(), err
	}
	if p.unchanged() {
		return p.settle(ctx, "the replica was repaired: a pull that was given up had changed it")
	}
	return p.commit(ctx)
}

// apply makes the replica equal to the manifest.
func (p *pull) apply(ctx context.Context, plan *replica.Plan) error {
	transfers := p.objects.Transfers()
	meter := progress.New(p.env, p.args.ProgressFile, plan.FetchBytes, plan.Changes)
	err := plan.Apply(ctx, replica.Options{Content: content{p.objects}, Transfers: transfers, Done: func(bytes, files int64) { meter.Add(bytes, files, files) }})
	p.report.totals.Sent, p.report.totals.Wire = meter.Last().Bytes, p.objects.Stats().Bytes
	if err != nil {
		return err
	}
	p.report.totals.Files, p.report.totals.Deleted = plan.Changes, plan.Deletions
	p.report.warnings = append(p.report.warnings, plan.Warnings...)
	return nil
}

// commit makes the replica a recovery point.
func (p *pull) commit(ctx context.Context) (contract.Outcome, error) {
	done, err := p.committer.Commit(ctx, protocol.Commit{
		Run: p.args.Run, RecoveryPoint: p.generation.RecoveryPoint, Totals: p.report.totals,
		Digest: p.generation.Digest, Generation: p.generation.Number,
	})
	if err != nil {
		return p.outcome(), commit.Local(err)
	}
	out := p.outcome()
	out.Outcome, out.RecoveryPoint, out.Snapshot = contract.ResultDone, &done.RecoveryPoint, done.Snapshot
	return out, nil
}

// writing records that the replica is about to be changed.
func (p *pull) writing(ctx context.Context) error {
	return commit.Local(p.committer.Writing(ctx, p.args.Run, p.generation.RecoveryPoint))
}

// lookAgain sees whether the store still is one: what was pulled is complete
// whatever was published meanwhile, but a store that somebody emptied is a fault
// to be told of, and no recovery point.
func (p *pull) lookAgain(ctx context.Context) error {
	latest, err := p.objects.Latest(ctx)
	if errors.Is(err, objectstore.ErrNoGeneration) {
		return fmt.Errorf("the generations went away from %s while generation %d was pulled: nothing was committed; find out who empties the store: %w",
			p.objects, p.generation.Number, err)
	}
	if err != nil {
		return err
	}
	if latest.Number > p.generation.Number && p.args.Generation == 0 {
		p.env.Log.Info("a newer generation was published meanwhile; the next run takes it",
			"generation", latest.Number, "recoveryPoint", latest.RecoveryPoint.Format(time.RFC3339Nano))
	}
	return nil
}
