package boot

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
)

// Waiting for programs that cannot be watched.
const (
	probeInterval = 100 * time.Millisecond
	probeTimeout  = 2 * time.Second
	// startLimit is how long one program may take to become healthy.
	startLimit = 2 * time.Minute
)

// await calls f, which waits for something that the named programs bring about,
// with a deadline of startLimit. It gives up at once when one of them ends, and
// puts the end of their logs behind the error.
func (c *Cluster) await(ctx context.Context, what string, f func(context.Context) error, programs ...string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startLimit, fmt.Errorf("not within %s", startLimit))
	defer cancel()
	ctx, abort := context.WithCancelCause(ctx)
	defer abort(nil)
	go func() {
		for ctx.Err() == nil {
			for _, p := range programs {
				if !c.programs.Alive(p) {
					abort(fmt.Errorf("%s has ended", p))
				}
			}
			time.Sleep(probeInterval)
		}
	}()
	err := f(ctx)
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
		err = fmt.Errorf("%w (%w)", cause, err)
	}
	err = fmt.Errorf("wait until %s: %w", what, err)
	for _, p := range programs {
		err = fmt.Errorf("%w%s", err, c.programs.Tail(p))
	}
	return err
}

// awaitHealth waits until a program answers that it is healthy, or at once when
// it has no way to answer.
func (c *Cluster) awaitHealth(ctx context.Context, p component) error {
	if p.health == "" {
		return nil
	}
	return c.await(ctx, p.name+" is healthy", func(ctx context.Context) error {
		for {
			err := c.probe(ctx, p)
			if err == nil {
				return nil
			}
			select {
			case <-ctx.Done():
				return err
			case <-time.After(probeInterval):
			}
		}
	}, p.name)
}

// probe asks a program once whether it is healthy.
func (c *Cluster) probe(ctx context.Context, p component) error {
	if !c.programs.Alive(p.name) {
		return fmt.Errorf("%s does not run", p.name)
	}
	if p.health == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	if network, address, _ := strings.Cut(p.health, "://"); network == "unix" || network == "tcp" {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil {
			return err
		}
		return conn.Close()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.health, nil)
	if err != nil {
		return err
	}
	resp, err := c.client.Do(req)
	if err != nil {
		return err
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", p.health, resp.Status)
	}
	return nil
}

// newClient returns the client for probes, with the rights of the kubeconfig.
func newClient(config *rest.Config) (*http.Client, error) {
	t, err := rest.TLSConfigFor(config)
	if err != nil {
		return nil, err
	}
	t = t.Clone()
	t.MinVersion = tls.VersionTLS12
	// A connection to a program that was killed and started again is no use.
	return &http.Client{Transport: &http.Transport{TLSClientConfig: t, DisableKeepAlives: true}}, nil
}

// watchUntil waits until the object of a name exists and fulfils the condition.
func (c *Cluster) watchUntil(ctx context.Context, resource schema.GroupVersionResource, namespace, name string, condition func(*unstructured.Unstructured) bool) error {
	client, err := dynamic.NewForConfig(c.config)
	if err != nil {
		return err
	}
	objects := client.Resource(resource).Namespace(namespace)
	narrow := metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector("metadata.name", name).String()}
	list, err := objects.List(ctx, narrow)
	if err != nil {
		return err
	}
	if len(list.Items) > 0 && condition(&list.Items[0]) {
		return nil
	}
	changes := cache.ListWatch{WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
		o.FieldSelector = narrow.FieldSelector
		return objects.Watch(ctx, o)
	}}
	_, err = watchtools.Until(ctx, list.GetResourceVersion(), &changes, func(e watch.Event) (bool, error) {
		o, ok := e.Object.(*unstructured.Unstructured)
		return ok && e.Type != watch.Deleted && condition(o), nil
	})
	return err
}

// hasCondition reports whether a condition of the object's status is True.
func hasCondition(o *unstructured.Unstructured, kind string) bool {
	conditions, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
	for _, entry := range conditions {
		if m, ok := entry.(map[string]any); ok && m["type"] == kind {
			return m["status"] == "True"
		}
	}
	return false
}

// awaitAccounts waits until pods can be made: they need the ServiceAccount of
// their namespace.
func (c *Cluster) awaitAccounts(ctx context.Context) error {
	return c.await(ctx, "namespace default has its ServiceAccount", func(ctx context.Context) error {
		return c.watchUntil(ctx, schema.GroupVersionResource{Version: "v1", Resource: "serviceaccounts"}, "default", "default",
			func(*unstructured.Unstructured) bool { return true })
	}, ControllerManager)
}

// awaitRegistered waits until the kubelet has made its Node.
func (c *Cluster) awaitRegistered(ctx context.Context) error {
	return c.await(ctx, "the node is registered", func(ctx context.Context) error {
		return c.watchUntil(ctx, nodes, "", c.Name, func(*unstructured.Unstructured) bool { return true })
	}, Kubelet)
}

var nodes = schema.GroupVersionResource{Version: "v1", Resource: "nodes"}

// awaitNode waits until the node takes pods.
func (c *Cluster) awaitNode(ctx context.Context) error {
	return c.await(ctx, "the node is ready", func(ctx context.Context) error {
		return c.watchUntil(ctx, nodes, "", c.Name, func(o *unstructured.Unstructured) bool { return hasCondition(o, "Ready") })
	}, Kubelet, Containerd)
}

// awaitDrivers waits until the kubelet can mount volumes of both drivers.
func (c *Cluster) awaitDrivers(ctx context.Context) error {
	return c.await(ctx, "the CSI drivers are registered", func(ctx context.Context) error {
		r := schema.GroupVersionResource{Group: "storage.k8s.io", Version: "v1", Resource: "csinodes"}
		return c.watchUntil(ctx, r, "", c.Name, func(o *unstructured.Unstructured) bool {
			drivers, _, _ := unstructured.NestedSlice(o.Object, "spec", "drivers")
			return len(drivers) == 2
		})
	}, Driver, PlainDriver)
}
