package kubernetes

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// awaitGone waits until an object of that name is another, or none.
func awaitGone[T object](ctx context.Context, c collection[T], o T) error {
	err := c.until(ctx, named(o.GetName()), func(present map[string]T) (bool, error) {
		now, there := present[o.GetName()]
		return !there || now.GetUID() != o.GetUID(), nil
	})
	if err != nil {
		return fmt.Errorf("%s %s is being deleted, but is held, perhaps by a pod: %w", c.resource, o.GetName(), err)
	}
	return nil
}

// ensure creates an object, or returns the one of that name that is there already.
// One that is being deleted is waited for.
func ensure[T object](ctx context.Context, c collection[T], o T) (there T, err error) {
	for {
		there, err = c.create(ctx, o)
		if !apierrors.IsAlreadyExists(err) {
			return there, err
		}
		there, err = c.get(ctx, o.GetName())
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
