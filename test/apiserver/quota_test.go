package apiserver

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/backube/scribe-gen/test/internal/kube"
)

func quantities(list map[corev1.ResourceName]string) corev1.ResourceList {
	quantities := corev1.ResourceList{}
	for name, q := range list {
		quantities[name] = resource.MustParse(q)
	}
	return quantities
}

// limited puts a quota on a namespace and waits until it counts: everything is
// refused before.
func limited(hard corev1.ResourceList) func(*testing.T, *kube.Cluster, string) {
	return func(t *testing.T, c *kube.Cluster, namespace string) {
		t.Helper()
		quota, err := kube.Untyped(&corev1.ResourceQuota{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ResourceQuota"},
			ObjectMeta: metav1.ObjectMeta{Name: "limited", Namespace: namespace},
			Spec:       corev1.ResourceQuotaSpec{Hard: hard},
		})
		require.NoError(t, err)
		c.Install(t, []*unstructured.Unstructured{quota})
		_, err = c.Until(t.Context(), quota, 30*time.Second, "a quota that counts",
			func(q *unstructured.Unstructured) (bool, error) {
				used, _, err := unstructured.NestedStringMap(q.Object, "status", "used")
				return len(used) == len(hard), err
			})
		require.NoError(t, err)
	}
}

// defaults gives containers without resources those that an administrator chose.
func defaults(t *testing.T, c *kube.Cluster, namespace string) {
	t.Helper()
	_, err := c.Client.CoreV1().LimitRanges(namespace).Create(t.Context(), &corev1.LimitRange{
		ObjectMeta: metav1.ObjectMeta{Name: "defaults"},
		Spec: corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{{
			Type:           corev1.LimitTypeContainer,
			DefaultRequest: addedResources.Requests, Default: addedResources.Limits,
		}}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
}

// addedResources is what an administrator whose namespaces have quotas sets for the
// containers that engines add.
var addedResources = corev1.ResourceRequirements{
	Requests: quantities(map[corev1.ResourceName]string{"cpu": "10m", "memory": "64Mi"}),
	Limits:   quantities(map[corev1.ResourceName]string{"cpu": "500m", "memory": "256Mi"}),
}

// compute is a quota of what every container must then ask for, and of the kinds
// of objects that bundles have.
var compute = quantities(map[corev1.ResourceName]string{
	corev1.ResourceRequestsCPU: "4", corev1.ResourceRequestsMemory: "8Gi", corev1.ResourceLimitsMemory: "8Gi",
	corev1.ResourcePods: "10", corev1.ResourcePersistentVolumeClaims: "1", corev1.ResourceRequestsStorage: "100Gi",
	corev1.ResourceServices: "1", corev1.ResourceServicesLoadBalancers: "1", corev1.ResourceServicesNodePorts: "1",
})

// withCPU is compute and a quota of CPU limits.
func withCPU() corev1.ResourceList {
	hard := compute.DeepCopy()
	hard[corev1.ResourceLimitsCPU] = resource.MustParse("16")
	return hard
}

// A namespace with a quota takes the bundle and all pods of a spec that gives the
// movers' resources, as steps that move nothing bring their own. So do the containers
// that are added where the engine lets a bundle say so; for the others there have to
// be those that an administrator gives.
func TestPodsFitAQuota(t *testing.T) {
	perEngine(t, func(t *testing.T, c *kube.Cluster, e engine) {
		all := []podSettings{{resources: addedResources}}
		if e.bringsResources {
			all = append(all, podSettings{})
		}
		for name, hard := range map[string]corev1.ResourceList{
			"everything":     withCPU(), // gives a CPU limit
			"restricted-own": compute,   // does not
			"fan-restricted": compute,
		} {
			for _, b := range named(t, e, name).prepared(t, c, kube.Baseline, limited(hard)) {
				for _, settings := range all {
					for name, pod := range e.pods(t, c, b, settings) {
						assert.NoError(t, admit(t, c, pod), name)
					}
				}
			}
		}
	})
}

// Where an administrator gives defaults, a spec without resources is taken, too,
// with a quota of every kind.
func TestPodsFitAQuotaWithDefaults(t *testing.T) {
	perEngine(t, func(t *testing.T, c *kube.Cluster, e engine) {
		for _, b := range named(t, e, "wikidata").prepared(t, c, kube.Baseline, limited(withCPU()), defaults) {
			for name, pod := range e.pods(t, c, b, podSettings{}) {
				assert.NoError(t, admit(t, c, pod), name)
			}
		}
	})
}

// The quota is enforced: a mover without resources is refused, and no other step.
func TestQuotaRefusesMoversWithoutResources(t *testing.T) {
	perEngine(t, func(t *testing.T, c *kube.Cluster, e engine) {
		for _, b := range named(t, e, "wikidata").prepared(t, c, kube.Baseline, limited(compute)) {
			for name, pod := range e.pods(t, c, b, podSettings{resources: addedResources}) {
				err := admit(t, c, pod)
				if !strings.HasSuffix(name, "/push") && !strings.HasSuffix(name, "/listen") {
					assert.NoError(t, err, name)
					continue
				}
				require.True(t, apierrors.IsForbidden(err), "%s: %v", name, err)
				assert.ErrorContains(t, err, "must specify limits.memory for: "+main(pod).Name)
			}
		}
	})
}

// The containers that are added have resources only if the spec gives the movers',
// or an administrator gives theirs: a quota is enforced for them, too.
func TestQuotaRefusesWhatEnginesAdd(t *testing.T) {
	perEngine(t, func(t *testing.T, c *kube.Cluster, e engine) {
		for _, b := range named(t, e, "wikidata").prepared(t, c, kube.Baseline, limited(compute)) {
			for name, pod := range e.pods(t, c, b, podSettings{}) {
				err := admit(t, c, pod)
				require.True(t, apierrors.IsForbidden(err), "%s: %v", name, err)
				for _, added := range e.added {
					assert.ErrorContains(t, err, added)
				}
			}
		}
	})
}
