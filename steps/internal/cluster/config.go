package cluster

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strings"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/backube/scribe-gen/steps/internal/step"
)

// namespaceFile holds the namespace of the pod that a process runs in.
const namespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

// ErrNone is returned outside a pod when KUBECONFIG names no cluster.
var ErrNone = step.Usage("KUBECONFIG is required outside a pod: a file that names the cluster")

// Here finds the cluster of this process, and the namespace: the one that is given,
// or the pod's own. Outside a pod, the file that KUBECONFIG names tells the cluster
// and the default namespace; the kubeconfig in the home directory is not read, so
// that nothing is changed in a cluster that nobody named.
func Here(namespace string) (*rest.Config, string, error) {
	config, own, err := find()
	if err != nil {
		return nil, "", err
	}
	if namespace = cmp.Or(namespace, own); namespace == "" {
		return nil, "", step.Usage("--namespace is required: neither %s nor the kubeconfig names one", namespaceFile)
	}
	return config, namespace, nil
}

// find finds the cluster and the namespace of this process.
func find() (*rest.Config, string, error) {
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
		return nil, "", ErrNone
	}
	rules := &clientcmd.ClientConfigLoadingRules{Precedence: strings.Split(file, string(os.PathListSeparator))}
	loaded := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil)
	if config, err = loaded.ClientConfig(); err != nil {
		return nil, "", step.Usage("KUBECONFIG=%s: %w", file, err)
	}
	namespace, _, err := loaded.Namespace()
	return config, namespace, err
}
