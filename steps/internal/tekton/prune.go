package tekton

import (
	"cmp"
	"context"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const (
	defaultKeep = 3
	// keepSucceeded and keepFailed are how long finished runs stay that no schedule
	// started, from their end.
	keepSucceeded = 24 * time.Hour
	keepFailed    = 7 * 24 * time.Hour
)

// prune removes finished runs that nobody needs any more, with their TaskRuns and
// pods. The start has succeeded whatever becomes of them.
func (s *starting) prune(ctx context.Context) {
	found, _, err := s.all.List(ctx, metav1.ListOptions{})
	if err != nil {
		s.log.Warn("old runs cannot be removed", "error", err.Error())
		return
	}
	present := map[string]*unstructured.Unstructured{}
	for _, o := range found {
		present[o.GetName()] = o
	}
	for _, r := range superfluous(of(pipelineOf(s.made), present), cmp.Or(s.Keep, defaultKeep), time.Now()) {
		err := s.all.Delete(ctx, r.Unstructured)
		switch {
		case err == nil:
			s.log.Info("removed an old run", "pipelineRun", r.GetName())
		case !apierrors.IsNotFound(err) && !apierrors.IsConflict(err):
			s.log.Warn("an old run cannot be removed", "pipelineRun", r.GetName(), "error", err.Error())
		}
	}
}

// superfluous are the finished runs to remove: of the scheduled ones, all but the
// newest of each outcome, and of the others those that ended long ago.
func superfluous(all []run, keep int, now time.Time) (remove []run) {
	all = slices.DeleteFunc(all, func(r run) bool { return !r.ended || r.GetDeletionTimestamp() != nil })
	slices.SortFunc(all, func(a, b run) int {
		return cmp.Or(b.completed.Compare(a.completed), cmp.Compare(b.GetName(), a.GetName()))
	})
	kept := map[bool]int{}
	for _, r := range all {
		age, limit := now.Sub(r.completed), keepFailed
		if r.succeeded {
			limit = keepSucceeded
		}
		switch {
		case r.scheduled && kept[r.succeeded] < keep:
			kept[r.succeeded]++
		case r.scheduled, age > limit:
			remove = append(remove, r)
		}
	}
	return remove
}
