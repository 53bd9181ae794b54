package kubernetes

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/backube/scribe-gen/steps/internal/step"
)

// namespaceFile holds the namespace of the pod that a process runs in.
const namespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

// OpenHere returns the store of the pod's own cluster, in the namespace that is
// given or the pod's own. Outside a pod, the file that KUBECONFIG names tells the
// cluster and the default namespace; the kubeconfig in the home directory is not
// read, so that nothing is changed in a cluster that nobody named.
func OpenHere(namespace string, log *slog.Logger) (*Store, error) {
	config, own, err := here()
	if err != nil {
		return nil, err
	}
	if namespace == "" {
		namespace = own
	}
	if namespace == "" {
		return nil, step.Usage("--namespace is required: neither %s nor the kubeconfig names one", namespaceFile)
	}
	return Open(config, namespace, log)
}

// here finds the cluster and the namespace of this process.
func here() (*rest.Config, string, error) {
	config, err := rest.InClusterConfig()
	if err == nil {
		namespace, err := os.ReadFile(namespaceFile)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, "", fmt.Errorf("read the pod's namespace: %w", err)
		}
		return config, strings.TrimSpace(string(namespace)), nil
	}
	file := os.Getenv(clientcmd.RecommendedConfigPathEnvVar)
	switch {
	case !errors.Is(err, rest.ErrNotInCluster):
		return nil, "", fmt.Errorf("this pod cannot reach its cluster: %w; set automountServiceAccountToken for it", err)
	case file == "":
		return nil, "", step.Usage("--directory is required outside a pod, or KUBECONFIG for the volumes of a cluster")
	}
	rules := &clientcmd.ClientConfigLoadingRules{Precedence: strings.Split(file, string(os.PathListSeparator))}
	loaded := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil)
	if config, err = loaded.ClientConfig(); err != nil {
		return nil, "", step.Usage("KUBECONFIG=%s: %w", file, err)
	}
	namespace, _, err := loaded.Namespace()
	return config, namespace, err
}
