// Package kube is what tests do to a Kubernetes API server: connect, make
// namespaces of their own, apply bundles as a GitOps tool would, compare what was
// applied with what is stored, and ask the server what an account may do. It
// works against any cluster that a kubeconfig leads to.
package kube

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"
)

// Cluster is a connection to an API server. It is safe for concurrent use.
type Cluster struct {
	// Config is how the server is reached; copy it before changing it.
	Config *rest.Config
	// Client is for Kubernetes' own kinds, Dynamic for all others.
	Client  kubernetes.Interface
	Dynamic dynamic.Interface
	// Throwaway spares removing what tests made, because the cluster goes as a
	// whole: removing a namespace costs the server more than most tests do.
	Throwaway bool

	mapper meta.ResettableRESTMapper
}

// Connect returns a connection as the kubeconfig file and one of its contexts
// say. No file means those that kubectl would read, no context their current one.
// Nothing is sent yet. Requests
// are not throttled by the client, and warnings of the server reach the one who
// asked (see [Cluster.Apply]) instead of the log.
func Connect(kubeconfig, context string) (*Cluster, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = kubeconfig
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		rules, &clientcmd.ConfigOverrides{CurrentContext: context},
	).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("reading kubeconfig %s, context %q: %w", kubeconfig, context, err)
	}
	config.QPS = -1
	config.WarningHandlerWithContext = collector{}
	return open(config)
}

// As returns a connection with the identity of a ServiceAccount. It takes the
// right to impersonate, which administrators have.
func (c *Cluster) As(namespace, account string) (*Cluster, error) {
	config := rest.CopyConfig(c.Config)
	user := AccountUser(namespace, account)
	config.Impersonate = rest.ImpersonationConfig{UserName: user.Name, Groups: user.Groups}
	return open(config)
}

func open(config *rest.Config) (*Cluster, error) {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", config.Host, err)
	}
	objects, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", config.Host, err)
	}
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(client.Discovery()))
	return &Cluster{Config: config, Client: client, Dynamic: objects, mapper: mapper}, nil
}
