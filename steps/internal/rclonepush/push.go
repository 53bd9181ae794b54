package rclonepush

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/guard"
	"github.com/backube/scribe-gen/steps/internal/objectstore"
	"github.com/backube/scribe-gen/steps/internal/site"
	"github.com/backube/scribe-gen/steps/internal/step"
	"github.com/backube/scribe-gen/steps/internal/storeargs"
	"github.com/backube/scribe-gen/steps/internal/volume"
	"github.com/backube/scribe-gen/tree/filter"
	"github.com/backube/scribe-gen/tree/manifest"
)

// push is one push under way.
type push struct {
	args   *contract.RclonePush
	env    *step.Env
	at     time.Time
	limit  guard.Limit
	filter *filter.Filter
	sites  volume.Store
	store  *objectstore.Store
	// parent is the latest generation, nil before the first, and manifest the file
	// with its manifest, empty where there is none that can be read.
	parent   *objectstore.Generation
	manifest string
	report   report
}

func run(ctx context.Context, env *step.Env, args *contract.RclonePush) (contract.Outcome, error) {
	p, err := begin(env, args)
	if err != nil {
		return contract.Outcome{}, err
	}
	if done, err := p.admitted(ctx); done != nil || err != nil {
		return p.outcome(done, "the run was published before"), err
	}
	if p.store, err = storeargs.Open(ctx, args.ObjectStore, args.Replication, env.Log); err != nil {
		return contract.Outcome{}, err
	}
	done, err := p.find(ctx)
	if err != nil {
		return contract.Outcome{}, err
	}
	if done != nil {
		p.report.totals = contract.Totals{Entries: done.Entries, Bytes: done.Bytes, Sent: done.Uploaded}
		err := p.settle(ctx, *done)
		return p.outcome(done, "the run was published before"), err
	}
	return p.publish(ctx)
}

// begin checks the arguments.
func begin(env *step.Env, args *contract.RclonePush) (*push, error) {
	if err := step.Require("replication", args.Replication, "relationship", args.Relationship, "run-id", args.Run,
		"root", args.Root, "remote", args.Remote, "recovery-point", args.RecoveryPoint); err != nil {
		return nil, err
	}
	p := &push{args: args, env: env}
	var err error
	if p.at, err = step.RunAt(args.Run, args.RecoveryPoint); err != nil {
		return nil, err
	}
	if p.limit, err = guard.ParseLimit(args.MaxDelete); err != nil {
		return nil, step.Usage("--max-delete: %w", err)
	}
	if p.filter, err = storeargs.Filter(args.FilterFile); err != nil {
		return nil, err
	}
	if args.Grace <= 0 {
		args.Grace = defaultGrace
	}
	if p.sites, err = site.Open(args.Site, env.Log); err != nil {
		return nil, err
	}
	return p, nil
}

// defaultGrace is how long what is superseded or given up stays in the store.
const defaultGrace = 24 * time.Hour

// publish makes the source a new generation.
func (p *push) publish(ctx context.Context) (contract.Outcome, error) {
	if err := guard.Source(p.args.Root, p.args.AllowEmptySource); err != nil {
		return contract.Outcome{}, err
	}
	dir, err := os.MkdirTemp("", "scribe-push-")
	if err != nil {
		return contract.Outcome{}, fmt.Errorf("make room for the manifest (set TMPDIR to another file system): %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	found, err := p.compare(ctx, filepath.Join(dir, "parent.zst"))
	if err != nil {
		return p.outcome(nil, ""), err
	}
	done, err := p.upload(ctx, found, filepath.Join(dir, "manifest.zst"))
	if err != nil {
		return p.outcome(nil, ""), err
	}
	if err := p.settle(ctx, done); err != nil {
		return p.outcome(&done, ""), err
	}
	p.collect(ctx)
	return p.outcome(&done, ""), nil
}

// compare compares the source with the latest generation, whose manifest it brings
// into file. If that is lost or damaged, all content is uploaded again, which mends
// the store for readers.
func (p *push) compare(ctx context.Context, file string) (*surveyed, error) {
	if p.parent == nil {
		return p.survey(ctx)
	}
	err := fetchManifest(ctx, p.store, p.parent, file)
	if err == nil {
		var found *surveyed
		p.manifest = file
		if found, err = p.survey(ctx); err == nil {
			return found, nil
		}
	}
	switch {
	case errors.Is(err, manifest.ErrVersion):
		return nil, step.Refuse(contract.RefusedVersion, "generation %d: %w", p.parent.Number, err)
	case !errors.Is(err, objectstore.ErrGone) && !errors.Is(err, manifest.ErrInvalid):
		return nil, err
	}
	p.env.Log.Warn("the latest generation cannot be read: uploading everything", "generation", p.parent.Number, "error", err.Error())
	p.report.warn("generation %d could not be read, so that everything was uploaded, and what is gone was not counted: %v", p.parent.Number, err)
	p.manifest = ""
	return p.survey(ctx)
}
