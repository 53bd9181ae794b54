//go:build e2e

package e2e

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
)

// object is what the API server keeps.
type object interface {
	runtime.Object
	metav1.Object
}

// lister is a client of one kind of objects in a namespace; L is a list of them.
type lister[L runtime.Object] interface {
	List(context.Context, metav1.ListOptions) (L, error)
	Watch(context.Context, metav1.ListOptions) (watch.Interface, error)
}

// watchOne shows an object to the function, as it is and at each change, until that
// says that it is enough or wrong, or the context ends. It outlives a restart of
// the API server.
func watchOne[L runtime.Object](ctx context.Context, client lister[L], o object, enough watchtools.ConditionFunc) error {
	one := fields.OneTermEqualSelector("metadata.name", o.GetName()).String()
	_, err := watchtools.UntilWithSync(ctx, &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			options.FieldSelector = one
			return client.List(ctx, options)
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			options.FieldSelector = one
			return client.Watch(ctx, options)
		},
	}, o, nil, enough)
	return err
}
