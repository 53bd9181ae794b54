package cluster

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/gentype"
	"k8s.io/client-go/rest"
)

// Group is an API group whose objects have Go types.
type Group struct {
	Version     schema.GroupVersion
	AddToScheme func(*runtime.Scheme) error
}

// Connection is clients of some API groups, in a namespace. The clientset of
// client-go would link every group that Kubernetes has, which nearly doubles a
// step's binary.
type Connection struct {
	config     *rest.Config
	http       *http.Client
	groups     map[schema.GroupVersion]rest.Interface
	parameters runtime.ParameterCodec
	namespace  string
	caller     caller
}

// Connect prepares clients of the groups. No request is made.
func Connect(config *rest.Config, namespace string, log *slog.Logger, groups ...Group) (Connection, error) {
	c := Connection{
		config: rest.CopyConfig(config), groups: map[schema.GroupVersion]rest.Interface{},
		namespace: namespace, caller: newCaller(log),
	}
	c.config.UserAgent = "scribe"
	// A step makes few requests. The API server's own fairness bounds them.
	c.config.QPS = -1
	c.config.WarningHandlerWithContext = warnings{log}
	var err error
	if c.http, err = rest.HTTPClientFor(c.config); err == nil {
		err = c.add(groups)
	}
	if err != nil {
		return Connection{}, fmt.Errorf("connect to the API server %s: %w", config.Host, err)
	}
	return c, nil
}

func (c *Connection) add(groups []Group) error {
	scheme := runtime.NewScheme()
	c.parameters = runtime.NewParameterCodec(scheme)
	for _, g := range groups {
		if err := g.AddToScheme(scheme); err != nil {
			return err
		}
		config := rest.CopyConfig(c.config)
		config.APIPath, config.GroupVersion = "/apis", &g.Version
		if g.Version.Group == "" {
			config.APIPath = "/api"
		}
		config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
		client, err := rest.RESTClientForConfigAndClient(config, c.http)
		if err != nil {
			return err
		}
		c.groups[g.Version] = client
	}
	return nil
}

// ClusterWide is for resources that belong to no namespace. A right to read them
// may be missing on purpose, so that nobody waits for it.
func (c Connection) ClusterWide() Connection {
	c.namespace, c.caller.grace = "", 0
	return c
}

// Typed is the objects of a resource of one of the connection's groups.
func Typed[T Object, L runtime.Object](c Connection, version schema.GroupVersion, resource string, one func() T, many func() L) Collection[T] {
	return collect(c.caller, resource, Client[T, L](gentype.NewClientWithList(resource, c.groups[version], c.parameters, c.namespace, one, many)))
}

// Untyped is the objects of a resource of any group.
func (c Connection) Untyped(resource schema.GroupVersionResource) (Collection[*unstructured.Unstructured], error) {
	client, err := dynamic.NewForConfigAndClient(c.config, c.http)
	if err != nil {
		return Collection[*unstructured.Unstructured]{}, fmt.Errorf("connect to the API server %s: %w", c.config.Host, err)
	}
	return collect(c.caller, resource.Resource, untyped{client.Resource(resource).Namespace(c.namespace)}), nil
}

// warnings logs what the API server warns of.
type warnings struct{ log *slog.Logger }

// HandleWarningHeaderWithContext implements rest.WarningHandlerWithContext.
func (w warnings) HandleWarningHeaderWithContext(_ context.Context, code int, _ string, text string) {
	if code == 299 && text != "" {
		w.log.Warn("the API server warns", "warning", text)
	}
}
