package kubernetes

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
)

type object interface {
	runtime.Object
	metav1.Object
}

// typed is a client of one resource as client-go has them.
type typed[T object, L runtime.Object] interface {
	single[T]
	List(ctx context.Context, opts metav1.ListOptions) (L, error)
}

// single is the part of a typed client that does not depend on the type of lists.
type single[T object] interface {
	Get(ctx context.Context, name string, opts metav1.GetOptions) (T, error)
	Create(ctx context.Context, o T, opts metav1.CreateOptions) (T, error)
	Update(ctx context.Context, o T, opts metav1.UpdateOptions) (T, error)
	Patch(ctx context.Context, name string, kind types.PatchType, data []byte, opts metav1.PatchOptions, subresources ...string) (T, error)
	Delete(ctx context.Context, name string, opts metav1.DeleteOptions) error
	Watch(ctx context.Context, opts metav1.ListOptions) (watch.Interface, error)
}

// collection is the objects of one resource in the store's namespace. Its requests
// are repeated while the API server cannot answer, and their errors say what was
// asked of which object.
type collection[T object] struct {
	caller
	resource string
	client   single[T]
	listing  func(context.Context, metav1.ListOptions) (runtime.Object, error)
}

func collect[T object, L runtime.Object](c caller, resource string, client typed[T, L]) collection[T] {
	return collection[T]{
		caller: c, resource: resource, client: client,
		listing: func(ctx context.Context, opts metav1.ListOptions) (runtime.Object, error) {
			return client.List(ctx, opts)
		},
	}
}

func (c collection[T]) get(ctx context.Context, name string) (found T, err error) {
	err = c.call(ctx, "get", c.resource+" "+name, func(ctx context.Context) error {
		found, err = c.client.Get(ctx, name, metav1.GetOptions{})
		return err
	})
	return found, err
}

func (c collection[T]) create(ctx context.Context, o T) (made T, err error) {
	err = c.call(ctx, "create", c.resource+" "+o.GetName(), func(ctx context.Context) error {
		made, err = c.client.Create(ctx, o, metav1.CreateOptions{})
		return err
	})
	return made, err
}

func (c collection[T]) update(ctx context.Context, o T) (made T, err error) {
	err = c.call(ctx, "update", c.resource+" "+o.GetName(), func(ctx context.Context) error {
		made, err = c.client.Update(ctx, o, metav1.UpdateOptions{})
		return err
	})
	return made, err
}

// merge applies a JSON merge patch (RFC 7386).
func (c collection[T]) merge(ctx context.Context, name string, patch []byte) (made T, err error) {
	err = c.call(ctx, "patch", c.resource+" "+name, func(ctx context.Context) error {
		made, err = c.client.Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{})
		return err
	})
	return made, err
}

// delete deletes this very object, not another that got its name meanwhile.
func (c collection[T]) delete(ctx context.Context, o T) error {
	uid := o.GetUID()
	return c.call(ctx, "delete", c.resource+" "+o.GetName(), func(ctx context.Context) error {
		return c.client.Delete(ctx, o.GetName(), metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}})
	})
}

// deleteUnchanged deletes this very object as it was read. One that was changed since
// stays, which is a conflict.
func (c collection[T]) deleteUnchanged(ctx context.Context, o T) error {
	uid, version := o.GetUID(), o.GetResourceVersion()
	return c.call(ctx, "delete", c.resource+" "+o.GetName(), func(ctx context.Context) error {
		return c.client.Delete(ctx, o.GetName(), metav1.DeleteOptions{
			Preconditions: &metav1.Preconditions{UID: &uid, ResourceVersion: &version},
		})
	})
}

// list returns what opts select and the version to watch from.
func (c collection[T]) list(ctx context.Context, opts metav1.ListOptions) (items []T, version string, err error) {
	var found runtime.Object
	err = c.call(ctx, "list", c.resource, func(ctx context.Context) error {
		found, err = c.listing(ctx, opts)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	err = meta.EachListItem(found, func(o runtime.Object) error {
		item, ok := o.(T)
		if !ok {
			return fmt.Errorf("list %s: unexpected %T", c.resource, o)
		}
		items = append(items, item)
		return nil
	})
	if err != nil {
		return nil, "", err
	}
	list, err := meta.ListAccessor(found)
	if err != nil {
		return nil, "", err
	}
	return items, list.GetResourceVersion(), nil
}

// named selects the object of a name. It can also be used with a right that is
// limited to that name.
func named(name string) metav1.ListOptions {
	return metav1.ListOptions{FieldSelector: "metadata.name=" + name}
}
