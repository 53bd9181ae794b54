package cluster

import (
	"context"
	"fmt"
	"log/slog"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
)

// Object is an object of Kubernetes.
type Object interface {
	runtime.Object
	metav1.Object
}

// Client is a client of one resource as client-go has them.
type Client[T Object, L runtime.Object] interface {
	single[T]
	List(ctx context.Context, opts metav1.ListOptions) (L, error)
}

// single is the part of a typed client that does not depend on the type of lists.
type single[T Object] interface {
	Get(ctx context.Context, name string, opts metav1.GetOptions) (T, error)
	Create(ctx context.Context, o T, opts metav1.CreateOptions) (T, error)
	Update(ctx context.Context, o T, opts metav1.UpdateOptions) (T, error)
	Patch(ctx context.Context, name string, kind types.PatchType, data []byte, opts metav1.PatchOptions, subresources ...string) (T, error)
	Delete(ctx context.Context, name string, opts metav1.DeleteOptions) error
	Watch(ctx context.Context, opts metav1.ListOptions) (watch.Interface, error)
}

// collection is the objects of one resource in a namespace. Its requests
// are repeated while the API server cannot answer, and their errors say what was
// asked of which object.
type Collection[T Object] struct {
	caller
	// Resource is the name of the resource, in the plural.
	Resource string
	client   single[T]
	listing  func(context.Context, metav1.ListOptions) (runtime.Object, error)
}

// Of is the objects that a typed client reaches; resource names them in errors.
func Of[T Object, L runtime.Object](log *slog.Logger, resource string, client Client[T, L]) Collection[T] {
	return collect(newCaller(log), resource, client)
}

func collect[T Object, L runtime.Object](c caller, resource string, client Client[T, L]) Collection[T] {
	return Collection[T]{
		caller: c, Resource: resource, client: client,
		listing: func(ctx context.Context, opts metav1.ListOptions) (runtime.Object, error) {
			return client.List(ctx, opts)
		},
	}
}

// Absent returns the same objects, with the error that a request ends with in a
// cluster that does not have the resource at all. [IsUnknown] knows what wraps the
// error that it is given.
func (c Collection[T]) Absent(explain func(error) error) Collection[T] {
	c.absent = explain
	return c
}

// Get returns the object of a name.
func (c Collection[T]) Get(ctx context.Context, name string) (found T, err error) {
	err = c.call(ctx, "get", c.Resource+" "+name, func(ctx context.Context) error {
		found, err = c.client.Get(ctx, name, metav1.GetOptions{})
		return err
	})
	return found, err
}

// Create creates an object and returns it as it is stored.
func (c Collection[T]) Create(ctx context.Context, o T) (made T, err error) {
	err = c.call(ctx, "create", c.Resource+" "+o.GetName(), func(ctx context.Context) error {
		made, err = c.client.Create(ctx, o, metav1.CreateOptions{})
		return err
	})
	return made, err
}

// Update replaces an object, if nobody changed it since it was read.
func (c Collection[T]) Update(ctx context.Context, o T) (made T, err error) {
	err = c.call(ctx, "update", c.Resource+" "+o.GetName(), func(ctx context.Context) error {
		made, err = c.client.Update(ctx, o, metav1.UpdateOptions{})
		return err
	})
	return made, err
}

// Merge applies a JSON merge patch (RFC 7386).
func (c Collection[T]) Merge(ctx context.Context, name string, patch []byte) (made T, err error) {
	err = c.call(ctx, "patch", c.Resource+" "+name, func(ctx context.Context) error {
		made, err = c.client.Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{})
		return err
	})
	return made, err
}

// Delete deletes this very object, not another that got its name meanwhile. What it
// owns is deleted in the background.
func (c Collection[T]) Delete(ctx context.Context, o T) error {
	uid := o.GetUID()
	return c.call(ctx, "delete", c.Resource+" "+o.GetName(), func(ctx context.Context) error {
		return c.client.Delete(ctx, o.GetName(), metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}})
	})
}

// DeleteUnchanged deletes this very object as it was read. One that was changed since
// stays, which is a conflict.
func (c Collection[T]) DeleteUnchanged(ctx context.Context, o T) error {
	uid, version := o.GetUID(), o.GetResourceVersion()
	return c.call(ctx, "delete", c.Resource+" "+o.GetName(), func(ctx context.Context) error {
		return c.client.Delete(ctx, o.GetName(), metav1.DeleteOptions{
			Preconditions: &metav1.Preconditions{UID: &uid, ResourceVersion: &version},
		})
	})
}

// List returns what opts select and the version to watch from.
func (c Collection[T]) List(ctx context.Context, opts metav1.ListOptions) (items []T, version string, err error) {
	var found runtime.Object
	err = c.call(ctx, "list", c.Resource, func(ctx context.Context) error {
		found, err = c.listing(ctx, opts)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	err = meta.EachListItem(found, func(o runtime.Object) error {
		item, ok := o.(T)
		if !ok {
			return fmt.Errorf("list %s: unexpected %T", c.Resource, o)
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

// Named selects the object of a name. It can also be used with a right that is
// limited to that name.
func Named(name string) metav1.ListOptions {
	return metav1.ListOptions{FieldSelector: "metadata.name=" + name}
}
