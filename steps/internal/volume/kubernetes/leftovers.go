package kubernetes

import (
	"context"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/cluster"
	"github.com/backube/scribe-gen/steps/internal/volume"
)

// RemoveTemporary implements [volume.Copier]. It does not wait until a claim has
// vanished: that happens as soon as the pods are gone that name it, finished ones
// included. A claim of another run stays while a pod uses it. The run's own goes
// whoever uses it, as nobody but pods of the run does, and they are about to end.
func (s *Store) RemoveTemporary(ctx context.Context, owner volume.Owner) ([]string, error) {
	return s.removeTemporary(ctx, owner, "")
}

// RemoveLeftovers implements [volume.Copier].
func (s *Store) RemoveLeftovers(ctx context.Context, owner volume.Owner) ([]string, error) {
	return s.removeTemporary(ctx, owner, ","+contract.LabelRun+"!="+owner.Run)
}

// removeTemporary removes the temporary claims of the relationship, and then the
// VolumeSnapshots they were made from. A claim and its VolumeSnapshot have one name.
func (s *Store) removeTemporary(ctx context.Context, owner volume.Owner, and string) ([]string, error) {
	opts := metav1.ListOptions{
		LabelSelector: contract.LabelTemporary + "=true," + contract.LabelRelationship + "=" + owner.Relationship + and,
	}
	claims, _, err := s.claims.List(ctx, opts)
	if err != nil {
		return nil, fmt.Errorf("remove temporary claims: %w", err)
	}
	snapshots, _, err := s.snapshots.List(ctx, opts)
	if err != nil && !cluster.IsUnknown(err) {
		return nil, fmt.Errorf("remove temporary snapshots: %w", err)
	}
	if len(claims)+len(snapshots) == 0 {
		return nil, nil
	}
	using, err := s.mounts(ctx)
	if err != nil {
		return nil, fmt.Errorf("remove temporary claims: %w", err)
	}
	removed, err := removeUnused(ctx, s, s.claims, claims, owner, using)
	if err != nil {
		return removed, fmt.Errorf("remove temporary claims: %w", err)
	}
	for _, claim := range claims {
		if using.others(claim, owner) != "" {
			continue
		}
		if err := s.release(ctx, claim.Name, using); err != nil {
			return removed, fmt.Errorf("remove temporary claims: %w", err)
		}
	}
	more, err := removeUnused(ctx, s, s.snapshots, snapshots, owner, using)
	removed = append(removed, more...)
	if err != nil {
		return removed, fmt.Errorf("remove temporary snapshots: %w", err)
	}
	slices.Sort(removed)
	return slices.Compact(removed), nil
}

// removeUnused deletes objects but those of other runs whose name is that of a claim
// in use.
func removeUnused[T cluster.Object](ctx context.Context, s *Store, from cluster.Collection[T], all []T, owner volume.Owner, using mounts) (removed []string, err error) {
	for _, o := range all {
		if pod := using.others(o, owner); pod != "" {
			s.log.Info("left alone, as a pod of another run uses it", "resource", from.Resource, "name", o.GetName(), "pod", pod)
			continue
		}
		if deleting(o) {
			continue
		}
		if err := ignoreGone(from.Delete(ctx, o)); err != nil {
			return removed, err
		}
		removed = append(removed, o.GetName())
	}
	return removed, nil
}
