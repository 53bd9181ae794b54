package local

import (
	"context"
	"errors"
	"fmt"

	"github.com/backube/scribe-gen/steps/contract"
)

// verify hands the trees of the run to the request's Verify, while the
// point-in-time copy still exists.
func (r *run) verify(ctx context.Context, part Part, known values) error {
	if r.req.Verify == nil || part.Pipeline.Role == contract.RolePromote {
		return nil
	}
	trees, err := r.pulled(part, known)
	if part.Pipeline.Role == contract.RoleSource {
		trees, err = r.trees(part, known)
	}
	if err == nil && trees.Replica == "" {
		return nil // published only, or received: then the source's pipeline verifies
	}
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	return r.req.Verify(ctx, trees)
}

// trees finds what the mover of the source pipeline has read, and what the run
// has published at the destination.
func (r *run) trees(part Part, known values) (Trees, error) {
	var trees Trees
	for _, step := range part.Pipeline.Steps {
		if _, ok := step.Command.(*contract.RclonePush); ok {
			return trees, nil
		}
		if embedded[contract.Transfer](step.Command) == nil {
			continue
		}
		ready, err := render(part, step, known, r.dir)
		if err != nil {
			return trees, err
		}
		trees.Filters = embedded[contract.Transfer](ready.command).FilterFile
		switch c := ready.command.(type) {
		case *contract.RsyncPush:
			trees.Source = c.Root
			trees.Replica, err = r.listenerTree()
		case *contract.RsyncCopy:
			trees.Source, trees.Replica = c.Source, r.replicaTree(part, c.Replica)
		}
		return trees, err
	}
	return trees, errors.New("the source pipeline moves no data")
}

// pulled is what the part has pulled from an object store, with the digest that its
// manifest must have; empty when it pulls nothing, or found nothing new.
func (r *run) pulled(part Part, known values) (Trees, error) {
	var trees Trees
	step, _, ok := findStep[*contract.RclonePull](part)
	if !ok {
		return trees, nil
	}
	outcome, _ := r.report.Outcome("rclone pull")
	if outcome.Outcome != contract.ResultDone {
		return trees, nil
	}
	ready, err := render(part, step, known, r.dir)
	if err != nil {
		return trees, err
	}
	pull := ready.command.(*contract.RclonePull)
	trees = Trees{Replica: part.Layout().Volume(pull.Claim), Filters: pull.FilterFile, Digest: outcome.Digest}
	if outcome.Snapshot != "" {
		trees.Replica = part.Layout().Snapshot(pull.Claim, outcome.Snapshot)
	}
	return trees, nil
}

// listenerTree is what the destination among the parts has published.
func (r *run) listenerTree() (string, error) {
	for _, part := range r.req.Parts {
		if _, c, ok := findStep[*contract.RsyncListen](part); ok {
			return r.replicaTree(part, c.Replica), nil
		}
	}
	return "", errors.New("the destination is not part of this run")
}

// replicaTree is the replica snapshot of the run, or the replica where none is
// cut.
func (r *run) replicaTree(part Part, replica contract.Replica) string {
	if replica.CopyMethod == copyDirect {
		return part.Layout().Volume(replica.Claim)
	}
	return part.Layout().Snapshot(replica.Claim, contract.SnapshotName(part.Relationship.Name, r.req.Run))
}

// copyDirect is the copy method of destinations that cut no replica snapshots.
const copyDirect = "Direct"
