package cluster

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
)

// Until shows see what opts select, by name, now and after each change, until see
// says that it is enough or ctx ends. It survives the end of a watch, whatever the
// reason, by listing again: see may miss states that were left at once, but never
// the last.
func (c Collection[T]) Until(ctx context.Context, opts metav1.ListOptions, see func(map[string]T) (enough bool, err error)) error {
	delay := Delays()
	for {
		began := time.Now()
		items, version, err := c.List(ctx, opts)
		if err != nil {
			return err
		}
		present := make(map[string]T, len(items))
		for _, item := range items {
			present[item.GetName()] = item
		}
		if enough, err := see(present); enough || err != nil {
			return err
		}
		if enough, err := c.changes(ctx, opts, version, present, see); enough || err != nil {
			return err
		}
		if time.Since(began) > time.Minute {
			delay = Delays() // watches end now and then
		}
		if err := Pause(ctx, delay()); err != nil {
			return err
		}
	}
}

// Pause waits, or returns why ctx ended.
func Pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

// changes shows see each change until the watch ends.
func (c Collection[T]) changes(ctx context.Context, opts metav1.ListOptions, version string, present map[string]T, see func(map[string]T) (bool, error)) (enough bool, err error) {
	opts.ResourceVersion, opts.AllowWatchBookmarks = version, true
	var watcher watch.Interface
	err = c.stream(ctx, "watch", c.Resource, func(ctx context.Context) error {
		watcher, err = c.client.Watch(ctx, opts)
		return err
	})
	if err != nil {
		return false, c.unlessExpired(err)
	}
	defer watcher.Stop()
	for {
		select {
		case <-ctx.Done():
			return false, context.Cause(ctx)
		case event, ok := <-watcher.ResultChan():
			if !ok || event.Type == watch.Error {
				return false, nil
			}
			item, ok := event.Object.(T)
			switch {
			case event.Type == watch.Bookmark || !ok:
				continue
			case event.Type == watch.Deleted:
				delete(present, item.GetName())
			default:
				present[item.GetName()] = item
			}
			if enough, err := see(present); enough || err != nil {
				return enough, err
			}
		}
	}
}
