// Package follow watches objects of a cluster for as long as it takes: over
// expired watches, restarted API servers and lost connections.
package follow

import (
	"context"
	"fmt"
	"reflect"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
)

// Client is the part of a typed client that lists and watches one kind.
type Client[L runtime.Object] interface {
	List(ctx context.Context, opts metav1.ListOptions) (L, error)
	Watch(ctx context.Context, opts metav1.ListOptions) (watch.Interface, error)
}

// Which selects what is followed, in the API server's words; empty for all.
type Which struct{ Fields, Labels string }

// Object is what can be followed.
type Object interface {
	metav1.Object
	runtime.Object
}

// event is an object's newest state.
type event[T Object] struct {
	object  T
	deleted bool
}

// Until calls each with the state of every object there is and then with every
// change, one at a time, until each returns true or an error. A deleted object
// comes once more, in its last state. A connection that is lost is made again and
// told to lost, which may be nil; a right that is missing ends it with the API
// server's error, and ctx with its cause.
func Until[T Object, L runtime.Object](ctx context.Context, client Client[L], which Which, lost func(error),
	each func(object T, deleted bool) (bool, error)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	events := make(chan event[T])
	link := &link[L]{client: client, which: which, end: cancel, lost: lost}
	informer := cache.NewSharedIndexInformer(link.listWatch(), newObject[T](), 0, cache.Indexers{})
	send := func(object any, deleted bool) {
		if gone, ok := object.(cache.DeletedFinalStateUnknown); ok {
			object = gone.Obj
		}
		if o, ok := object.(T); ok {
			select {
			case events <- event[T]{o, deleted}:
			case <-ctx.Done():
			}
		}
	}
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { send(o, false) },
		UpdateFunc: func(_, o any) { send(o, false) },
		DeleteFunc: func(o any) { send(o, true) },
	})
	if err != nil {
		return fmt.Errorf("watch: %w", err)
	}
	if err := informer.SetWatchErrorHandlerWithContext(unheard); err != nil {
		return fmt.Errorf("watch: %w", err)
	}
	// The informer would log what the link already tells.
	go informer.RunWithContext(logr.NewContext(ctx, logr.Discard()))
	for {
		select {
		case e := <-events:
			if done, err := each(e.object, e.deleted); done || err != nil {
				return err
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// link lists and watches, and tells how the connection fares. The informer itself
// passes over a refused connection in silence.
type link[L runtime.Object] struct {
	client Client[L]
	which  Which
	end    context.CancelCauseFunc
	lost   func(error)
	down   bool // touched by the informer's one goroutine only
}

func (l *link[L]) listWatch() *cache.ListWatch {
	return &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, opts metav1.ListOptions) (runtime.Object, error) {
			list, err := l.client.List(ctx, l.narrow(opts))
			l.note(ctx, err)
			return list, err
		},
		WatchFuncWithContext: func(ctx context.Context, opts metav1.ListOptions) (watch.Interface, error) {
			w, err := l.client.Watch(ctx, l.narrow(opts))
			l.note(ctx, err)
			return w, err
		},
	}
}

func (l *link[L]) narrow(opts metav1.ListOptions) metav1.ListOptions {
	opts.FieldSelector, opts.LabelSelector = l.which.Fields, l.which.Labels
	return opts
}

// note ends everything on errors that no time mends, and tells of the first of
// others in a row.
func (l *link[L]) note(ctx context.Context, err error) {
	switch {
	case err == nil:
		l.down = false
	case ctx.Err() != nil, apierrors.IsResourceExpired(err), apierrors.IsGone(err):
	case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err), apierrors.IsNotFound(err):
		l.end(err)
	case !l.down:
		l.down = true
		if l.lost != nil {
			l.lost(err)
		}
	}
}

// unheard is for errors that the link has told already.
func unheard(context.Context, *cache.Reflector, error) {}

// newObject returns an empty object of a pointer type.
func newObject[T Object]() T {
	return reflect.New(reflect.TypeFor[T]().Elem()).Interface().(T)
}
