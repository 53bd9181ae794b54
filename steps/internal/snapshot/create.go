package snapshot

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/step"
	"github.com/backube/scribe-gen/steps/internal/volume"
)

// Create makes the point-in-time copy and writes the files that later steps
// read.
func Create(ctx context.Context, store volume.Copier, c *contract.SnapshotCreate, log *slog.Logger) (contract.Outcome, error) {
	method := cmp.Or(c.Method, "Auto")
	if !slices.Contains([]string{"Auto", "Clone", "Snapshot", "Direct"}, method) {
		return contract.Outcome{}, step.Usage("--method=%s: must be Auto, Clone, Snapshot or Direct", c.Method)
	}
	if c.Keep && method == contract.MethodDirect {
		return contract.Outcome{}, step.Usage("--keep with --method=Direct: the live volume is read, and there is no copy to keep")
	}
	timeout := cmp.Or(c.Timeout, 10*time.Minute)
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf(
		"the copy of claim %s was not made within %s, which --timeout changes: %w", c.Claim, timeout, context.DeadlineExceeded))
	defer cancel()

	left, err := store.RemoveLeftovers(ctx, owner(c.Common))
	if err != nil {
		return contract.Outcome{}, err
	}
	if len(left) > 0 {
		log.Info("removed what killed runs left", "names", left)
	}
	made, err := store.Copy(ctx, volume.CopyRequest{
		Owner: owner(c.Common), Claim: c.Claim, Name: cmp.Or(c.Name, contract.CopyName(c.Run)), Method: method,
		StorageClass: c.StorageClass, SnapshotClass: c.SnapshotClass, Capacity: c.Capacity,
		AccessModes: list(c.AccessModes), Keep: c.Keep,
	})
	if errors.Is(err, volume.ErrExists) {
		return contract.Outcome{}, step.Refuse(contract.RefusedExists, "%w", err)
	}
	if err != nil {
		return contract.Outcome{}, err
	}
	if c.Keep && made.Method == contract.MethodDirect {
		return contract.Outcome{}, step.Refuse(contract.RefusedVolume,
			"claim %s can neither be cloned nor snapshotted, so there is no copy to keep", c.Claim)
	}
	out := contract.Outcome{
		Claim: made.Claim, Method: made.Method, RecoveryPoint: &made.RecoveryPoint,
		Reason: fmt.Sprintf("claim %s is to be read, made from %s by %s", made.Claim, c.Claim, made.Method),
	}
	// The claim last: whoever sees it finds the others too.
	if err := step.WriteFile(c.MethodFile, []byte(made.Method)); err != nil {
		return out, err
	}
	if err := step.WriteFile(c.RecoveryPointFile, []byte(made.RecoveryPoint.UTC().Format(time.RFC3339Nano))); err != nil {
		return out, err
	}
	return out, step.WriteFile(c.ClaimFile, []byte(made.Claim))
}

// Cleanup removes the run's temporary things and those of killed runs.
func Cleanup(ctx context.Context, store volume.Copier, c *contract.SnapshotCleanup, log *slog.Logger) (contract.Outcome, error) {
	removed, err := store.RemoveTemporary(ctx, owner(c.Common))
	if err != nil {
		return contract.Outcome{}, err
	}
	if len(removed) == 0 {
		return contract.Outcome{Outcome: contract.ResultNothing, Reason: "nothing was left to remove"}, nil
	}
	log.Info("removed", "names", removed)
	return contract.Outcome{Reason: fmt.Sprintf("removed %s", strings.Join(removed, ", "))}, nil
}

// list splits a comma-separated argument.
func list(s string) []string {
	return slices.DeleteFunc(strings.Split(s, ","), func(item string) bool { return item == "" })
}
