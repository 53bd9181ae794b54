//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"os"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

// discreet fails the test when a secret is anywhere that people see who may not read
// the Secrets of the store: in another object of the scenario's namespaces, events
// among them, in what steps logged, or in the audit log.
func (w *world) discreet(secret string) {
	w.t.Helper()
	forms := [][]byte{[]byte(secret), []byte(base64.StdEncoding.EncodeToString([]byte(secret)))}
	tells := func(text []byte) bool {
		for _, form := range forms {
			if bytes.Contains(text, form) {
				return true
			}
		}
		return false
	}
	objects, logs := 0, 0
	for namespace, v := range w.witnesses {
		for name, text := range w.everything(namespace) {
			objects++
			assert.False(w.t, tells(text), "a secret of the store is in %s of namespace %s", name, namespace)
		}
		for name, text := range v.logs() {
			logs += len(text)
			assert.False(w.t, tells(text), "a secret of the store is in the log of %s/%s", namespace, name)
		}
	}
	assert.NotZero(w.t, objects)
	assert.NotZero(w.t, logs)
	if w.own == nil {
		return
	}
	f, err := os.Open(w.own.AuditLog)
	require.NoError(w.t, err)
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if tells(lines.Bytes()) {
			w.t.Errorf("a secret of the store is in the audit log")
		}
	}
	require.NoError(w.t, lines.Err())
}

// everything is each object of a namespace, of every kind that can be listed, but for
// the Secrets of the store.
func (w *world) everything(namespace string) map[string][]byte {
	w.t.Helper()
	config := rest.CopyConfig(w.config)
	config.WarningHandler = rest.NoWarnings{} // of kinds that are deprecated
	client, err := dynamic.NewForConfig(config)
	require.NoError(w.t, err)
	kinds, err := discovery.ServerPreferredNamespacedResources(w.kube.Discovery())
	require.NoError(w.t, err)
	all := map[string][]byte{}
	for _, list := range discovery.FilteredBy(discovery.SupportsAllVerbs{Verbs: []string{"list"}}, kinds) {
		version, err := schema.ParseGroupVersion(list.GroupVersion)
		require.NoError(w.t, err)
		for _, kind := range list.APIResources {
			found, err := client.Resource(version.WithResource(kind.Name)).Namespace(namespace).List(w.t.Context(), metav1.ListOptions{})
			require.NoError(w.t, err, "list %s", kind.Name)
			for _, o := range found.Items {
				if kind.Kind == "Secret" && ofStore(o.GetName()) {
					continue
				}
				text, err := json.Marshal(o.Object)
				require.NoError(w.t, err)
				all[kind.Kind+" "+o.GetName()] = text
			}
		}
	}
	return all
}

// logs are what all containers of steps said so far, by their pods.
func (v *witness) logs() map[string][]byte {
	v.mu.Lock()
	defer v.mu.Unlock()
	all := map[string][]byte{}
	for _, s := range v.seen {
		for container, log := range s.logs {
			all[s.name+" "+container] = bytes.Clone(log.Bytes())
		}
	}
	return all
}
