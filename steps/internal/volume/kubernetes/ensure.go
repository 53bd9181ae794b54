package kubernetes

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/backube/scribe-gen/steps/internal/cluster"
)

// awaitGone waits until an object of that name is another, or none.
func awaitGone[T cluster.Object](ctx context.Context, c cluster.Collection[T], o T) error {
	err := c.Until(ctx, cluster.Named(o.GetName()), func(present map[string]T) (bool, error) {
		now, there := present[o.GetName()]
		return !there || now.GetUID() != o.GetUID(), nil
	})
	if err != nil {
		return fmt.Errorf("%s %s is being deleted, but is held, perhaps by a pod: %w", c.Resource, o.GetName(), err)
	}
	return nil
}

// ensure creates an object, or returns the one of that name that is there already.
// One that is being deleted is waited for.
func ensure[T cluster.Object](ctx context.Context, c cluster.Collection[T], o T) (there T, err error) {
	for {
		there, err = c.Create(ctx, o)
		if !apierrors.IsAlreadyExists(err) {
			return there, err
		}
		there, err = c.Get(ctx, o.GetName())
		switch {
		case apierrors.IsNotFound(err):
			continue // gone in between
		case err != nil || !deleting(there):
			return there, err
		}
		if err := awaitGone(ctx, c, there); err != nil {
			return there, err
		}
	}
}
