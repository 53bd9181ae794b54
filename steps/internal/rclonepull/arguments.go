package rclonepull

import (
	"time"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/commit"
	"github.com/backube/scribe-gen/steps/internal/guard"
	"github.com/backube/scribe-gen/steps/internal/site"
	"github.com/backube/scribe-gen/steps/internal/step"
	"github.com/backube/scribe-gen/steps/internal/storeargs"
)

// defaultPin is how long a generation is kept for a pull.
const defaultPin = 6 * time.Hour

// begin checks the arguments.
func begin(env *step.Env, args *contract.RclonePull) (*pull, error) {
	if err := step.Require("relationship", args.Relationship, "run-id", args.Run, "root", args.Root,
		"claim", args.Claim, "remote", args.Remote); err != nil {
		return nil, err
	}
	if err := contract.CheckRunID(args.Run); err != nil {
		return nil, step.Usage("--run-id: %w", err)
	}
	if args.Generation < 0 {
		return nil, step.Usage("--generation: %d is no number of a generation: want 1 or more, or 0 for the latest", args.Generation)
	}
	if args.Pin <= 0 {
		args.Pin = defaultPin
	}
	p := &pull{args: args, env: env}
	var err error
	if p.limit, err = guard.ParseLimit(args.MaxDelete); err != nil {
		return nil, step.Usage("--max-delete: %w", err)
	}
	if p.filter, err = storeargs.Filter(args.FilterFile); err != nil {
		return nil, err
	}
	store, err := site.Open(args.Site, env.Log)
	if err != nil {
		return nil, err
	}
	p.committer = &commit.Committer{
		Store: store, Replication: args.Replication, Relationship: args.Relationship, Replica: args.Replica, Log: env.Log,
	}
	return p, nil
}
