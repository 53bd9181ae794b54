//go:build e2e

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/backube/scribe-gen/generator/spec"
	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/tree"
)

func TestRestricted(t *testing.T) {
	proves(t, "with privileges Restricted every pod, Argo's containers too, runs in namespaces that enforce Pod Security Standard restricted; what the mover may read arrives identical")
	w := newWorld(t, func(r *spec.Replication) { r.Spec.Mover.Privileges = spec.PrivilegesRestricted })
	w.makeClaim(w.source, claim, "fast", "1Gi")
	data := w.volume(w.source, claim)
	// As an application under restricted leaves it: its group's, readable to it.
	for i, name := range []string{"a", "b b", "c/d"} {
		file := filepath.Join(data, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o775))
		require.NoError(t, os.WriteFile(file, []byte(name), 0o664))
		require.NoError(t, os.Chtimes(file, time.Time{}, time.Unix(1_700_000_000, int64(i)*1e6+1)))
	}
	out, err := exec.Command("chown", "-R", "65532:65532", data).CombinedOutput()
	require.NoError(t, err, "%s", out)
	w.apply()
	w.connect()
	source, _ := w.sync()
	report, err := tree.Compare(data, w.snapshotTree(w.replica, w.committed(source)), tree.Options{NoOwners: true})
	require.NoError(t, err)
	// fsGroup is the kubelet's: it sets group and mode of the replica's root.
	for _, d := range report.Differences {
		require.Equal(t, ".", d.Path, "%s", report)
	}
	w.clean()
}

func TestNetworkPolicy(t *testing.T) {
	proves(t, "the listener's NetworkPolicy and Service select its pod and no other")
	w := newWorld(t)
	w.seedPlain("fast", 5)
	w.apply()
	w.connect()
	destination := w.submitDestination()
	listener := w.pod(destination, "listen")
	policies, err := w.kube.NetworkingV1().NetworkPolicies(w.replica).List(t.Context(), listAll)
	require.NoError(t, err)
	require.Len(t, policies.Items, 1)
	selector, err := metav1.LabelSelectorAsSelector(&policies.Items[0].Spec.PodSelector)
	require.NoError(t, err)
	require.Equal(t, []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}, policies.Items[0].Spec.PolicyTypes)
	pods, err := w.kube.CoreV1().Pods(w.replica).List(t.Context(), metav1.ListOptions{LabelSelector: selector.String()})
	require.NoError(t, err)
	require.Len(t, pods.Items, 1)
	require.Equal(t, listener.Name, pods.Items[0].Name)
	w.eventuallyEndpoint(listener.Status.PodIP)
	source := w.submitSource()
	w.succeeded(source, destination)
	w.clean()
}

// eventuallyEndpoint waits until the listener's Service leads to the address.
func (w *world) eventuallyEndpoint(address string) {
	w.t.Helper()
	require.Eventually(w.t, func() bool {
		slices, err := w.kube.DiscoveryV1().EndpointSlices(w.replica).List(w.t.Context(), metav1.ListOptions{LabelSelector: contract.LabelRelationship + "=" + w.rel})
		if err != nil {
			return false
		}
		for _, s := range slices.Items {
			for _, e := range s.Endpoints {
				if e.Addresses[0] == address && e.Conditions.Ready != nil && *e.Conditions.Ready {
					return true
				}
			}
		}
		return false
	}, wait, 100*time.Millisecond, "the Service has no endpoint %s", address)
}
