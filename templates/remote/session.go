// Package remote works on the Kubernetes sites of a plan from outside: it applies
// bundles, copies keys, reads what the steps recorded, and runs pipelines and
// follows them to their end. What concerns a workflow engine is behind [Engine],
// implemented in a package beside that engine's templates; all else is the same
// for every engine.
//
// It reports in the terms of the local engine ([local.Report], [local.Line]), so
// that a run reads alike wherever it is.
package remote

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	snapshots "github.com/kubernetes-csi/external-snapshotter/client/v4/clientset/versioned"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"
)

// FieldManager is the name under which objects are applied, server-side.
const FieldManager = "scribe-gen"

// Session is the way to one site: a namespace of the cluster that a kubeconfig
// context leads to.
type Session struct {
	// Site is the site's name in the spec.
	Site string
	// Context is that of the kubeconfig, Namespace that of the site.
	Context, Namespace string
	// Host is the address of the API server; two sites with the same one are in
	// the same cluster.
	Host string

	Core      kubernetes.Interface
	Dynamic   dynamic.Interface
	Mapper    meta.RESTMapper
	Snapshots snapshots.Interface
	Engine    Engine
}

// Access is how to reach a site.
type Access struct {
	// Site is the site's name, Namespace its namespace.
	Site, Namespace string
	// Kubeconfig is a file; empty for $KUBECONFIG, ~/.kube/config or the cluster
	// that this process is a pod of.
	Kubeconfig string
	// Context is that of the kubeconfig; empty for its current one.
	Context string
	// Warnings hears what the API server warns of; nil for nobody.
	Warnings rest.WarningHandler
	// Engine makes the site's engine.
	Engine func(config *rest.Config, namespace string) (Engine, error)
}

// How many requests a command may send in a second, and at once. The defaults of
// client-go would make an apply of a bundle wait for seconds.
const (
	requestsPerSecond = 50
	requestsAtOnce    = 100
)

// Open returns a session. It reads the kubeconfig and asks the cluster nothing:
// one that cannot be reached is found by the first request.
func Open(a Access) (*Session, error) {
	config, name, err := a.config()
	if err != nil {
		return nil, fmt.Errorf("site %s: %w", a.Site, err)
	}
	s := &Session{Site: a.Site, Context: name, Namespace: a.Namespace, Host: config.Host}
	if err := s.connect(config); err != nil {
		return nil, fmt.Errorf("site %s: context %s: %w", a.Site, name, err)
	}
	if s.Engine, err = a.Engine(config, a.Namespace); err != nil {
		return nil, fmt.Errorf("site %s: context %s: %w", a.Site, name, err)
	}
	return s, nil
}

// config loads the kubeconfig and returns the name of the context that is used.
func (a Access) config() (*rest.Config, string, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = a.Kubeconfig
	client := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: a.Context})
	raw, err := client.RawConfig()
	if err != nil {
		return nil, "", fmt.Errorf("read the kubeconfig: %w", err)
	}
	name := a.Context
	if name == "" {
		name = raw.CurrentContext
	}
	if _, ok := raw.Contexts[name]; !ok && name != "" {
		return nil, name, &ContextError{Context: name, Known: slices.Sorted(maps.Keys(raw.Contexts)), Files: rules.GetLoadingPrecedence()}
	}
	config, err := client.ClientConfig()
	if clientcmd.IsEmptyConfig(err) {
		return nil, name, &ContextError{Context: name, Files: rules.GetLoadingPrecedence()}
	}
	if err != nil {
		return nil, name, fmt.Errorf("context %s: %w", name, err)
	}
	if name == "" {
		name = "of this pod"
	}
	config.QPS, config.Burst = requestsPerSecond, requestsAtOnce
	config.UserAgent = FieldManager
	config.WarningHandler = a.Warnings
	if a.Warnings == nil {
		config.WarningHandler = rest.NoWarnings{}
	}
	return config, name, nil
}

func (s *Session) connect(config *rest.Config) error {
	core, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	s.Core = core
	if s.Dynamic, err = dynamic.NewForConfig(config); err != nil {
		return err
	}
	s.Mapper = restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(core.Discovery()))
	s.Snapshots, err = snapshots.NewForConfig(config)
	return err
}

// SameNamespace reports whether both sites are one namespace of one cluster.
func (s *Session) SameNamespace(other *Session) bool {
	return s.Host == other.Host && s.Namespace == other.Namespace
}

// ContextError is a context that no kubeconfig has.
type ContextError struct {
	// Context is the name; empty when there is no kubeconfig at all.
	Context string
	// Known are the contexts there are, Files where they were looked for.
	Known, Files []string
}

func (e *ContextError) Error() string {
	if e.Context == "" {
		return "no kubeconfig: there is none at " + strings.Join(e.Files, ", ")
	}
	if len(e.Known) == 0 {
		return fmt.Sprintf("no kubeconfig context %q: there are no contexts in %s", e.Context, strings.Join(e.Files, ", "))
	}
	return fmt.Sprintf("no kubeconfig context %q: there are %s", e.Context, strings.Join(e.Known, ", "))
}

// Hint says where contexts come from.
func (e *ContextError) Hint() string {
	return "the site's `context` in the spec names a context of --kubeconfig, $KUBECONFIG or ~/.kube/config; without it the current one is used"
}
