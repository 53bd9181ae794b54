package cluster

import (
	"context"
	"log/slog"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
)

// untyped is a dynamic client with the methods of a typed one.
type untyped struct{ client dynamic.ResourceInterface }

// OfUntyped is the objects that a dynamic client reaches; resource names them in
// errors.
func OfUntyped(log *slog.Logger, resource string, client dynamic.ResourceInterface) Collection[*unstructured.Unstructured] {
	return collect(newCaller(log), resource, untyped{client})
}

func (u untyped) Get(ctx context.Context, name string, opts metav1.GetOptions) (*unstructured.Unstructured, error) {
	return u.client.Get(ctx, name, opts)
}

func (u untyped) Create(ctx context.Context, o *unstructured.Unstructured, opts metav1.CreateOptions) (*unstructured.Unstructured, error) {
	return u.client.Create(ctx, o, opts)
}

func (u untyped) Update(ctx context.Context, o *unstructured.Unstructured, opts metav1.UpdateOptions) (*unstructured.Unstructured, error) {
	return u.client.Update(ctx, o, opts)
}

func (u untyped) Patch(ctx context.Context, name string, kind types.PatchType, data []byte, opts metav1.PatchOptions, subresources ...string) (*unstructured.Unstructured, error) {
	return u.client.Patch(ctx, name, kind, data, opts, subresources...)
}

func (u untyped) Delete(ctx context.Context, name string, opts metav1.DeleteOptions) error {
	return u.client.Delete(ctx, name, opts)
}

func (u untyped) Watch(ctx context.Context, opts metav1.ListOptions) (watch.Interface, error) {
	return u.client.Watch(ctx, opts)
}

func (u untyped) List(ctx context.Context, opts metav1.ListOptions) (*unstructured.UnstructuredList, error) {
	return u.client.List(ctx, opts)
}
