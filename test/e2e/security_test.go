//go:build e2e

package e2e

import (
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/backube/scribe-gen/generator/spec"
	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/test/e2e/internal/job"
	"github.com/backube/scribe-gen/tree"
)

func TestRestricted(t *testing.T) {
	proves(t, "with privileges Restricted every pod, the engine's containers too, runs in namespaces that enforce Pod Security Standard restricted; what the mover may read arrives identical", onEach, func(t *testing.T, on pair) {
		w := newWorld(t, on, func(r *spec.Replication) { r.Spec.Mover.Privileges = spec.PrivilegesRestricted })
		w.makeClaim(w.source, claim, w.class, "1Gi")
		data := w.volume(w.source, claim)
		w.work(data, job.Application())
		w.apply()
		w.connect()
		source, _ := w.sync()
		report := w.compare(data, w.replicaSnapshot(w.committed(source)), tree.Options{NoOwners: true, NoLostFound: true})
		// fsGroup is the kubelet's: it sets group and mode of the replica's root.
		for _, d := range report.Differences {
			require.Equal(t, ".", d.Path, "%s", report)
		}
		w.clean()
	})
}

func TestNetworkPolicy(t *testing.T) {
	proves(t, "the listener's NetworkPolicy and Service select its pod and no other, which has the spec's resources, labels and node", onEach, func(t *testing.T, on pair) {
		limits := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("700m"), corev1.ResourceMemory: resource.MustParse("300Mi")}
		w := newWorld(t, on, func(r *spec.Replication) {
			r.Spec.Mover.Resources = corev1.ResourceRequirements{Limits: limits}
			r.Spec.Mover.Labels = map[string]string{"team": "wiki"}
			r.Spec.Mover.NodeSelector = map[string]string{corev1.LabelArchStable: runtime.GOARCH}
		})
		w.seedPlain(w.class, 5)
		w.apply()
		w.connect()
		destination := w.startDestination()
		listener := w.pod(destination, "listen")
		main := listener.Spec.Containers[slices.IndexFunc(listener.Spec.Containers, func(c corev1.Container) bool { return c.Name == destination.at.container("listen") })]
		require.True(t, apiequality.Semantic.DeepEqual(limits, main.Resources.Limits), "%v", main.Resources)
		require.Equal(t, "wiki", listener.Labels["team"])
		require.Equal(t, runtime.GOARCH, listener.Spec.NodeSelector[corev1.LabelArchStable])
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
		source := w.startSource()
		w.succeeded(source, destination)
		w.clean()
	})
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
