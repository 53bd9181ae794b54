package kube

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
)

// Until watches the object of the same kind, namespace and name until done
// returns true for it, and returns it as it then is. An object that is absent is
// waited for; nil stands for one that was there and is deleted. It outlives
// restarts of the API server. What is awaited, such as "a bound claim", the
// object and the last that was seen of its status stand in the error, which wraps
// that of done or of the context.
func (c *Cluster) Until(ctx context.Context, object *unstructured.Unstructured, timeout time.Duration, awaited string,
	done func(*unstructured.Unstructured) (bool, error)) (*unstructured.Unstructured, error) {
	resource, err := c.Resource(object)
	if err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	only := fields.OneTermEqualSelector("metadata.name", object.GetName()).String()
	source := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			o.FieldSelector = only
			return resource.List(ctx, o)
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			o.FieldSelector = only
			return resource.Watch(ctx, o)
		},
	}
	var last *unstructured.Unstructured
	_, err = watchtools.UntilWithSync(limited, source, &unstructured.Unstructured{}, nil, func(e watch.Event) (bool, error) {
		last, _ = e.Object.(*unstructured.Unstructured)
		if e.Type == watch.Deleted {
			last = nil
		}
		return done(last)
	})
	if wait.Interrupted(err) && limited.Err() != nil {
		err = limited.Err()
	}
	if err != nil {
		return last, fmt.Errorf("waiting %s for %s: %s (last seen: %s): %w",
			timeout, awaited, Describe(object), status(last), err)
	}
	return last, nil
}

// status is what messages show of an object.
func status(object *unstructured.Unstructured) string {
	if object == nil {
		return "nothing"
	}
	return text(object.Object["status"])
}
