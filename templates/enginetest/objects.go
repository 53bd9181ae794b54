package enginetest

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/backube/scribe-gen/generator/manifest"
	"github.com/backube/scribe-gen/generator/plan"
)

// of returns the objects of a type, by name.
func of[T manifest.Object](objects []manifest.Object) map[string]T {
	found := map[string]T{}
	for _, o := range objects {
		if typed, ok := o.(T); ok {
			found[o.GetName()] = typed
		}
	}
	return found
}

// listener: the Service and the NetworkPolicy select the pods of the listening
// step, and of no other.
func (c *conformance) listener(t *testing.T) {
	l := c.relationship().Listener
	service := of[*corev1.Service](c.objects)[l.Service]
	require.NotNil(t, service)
	assert.Equal(t, l.Type, service.Spec.Type)
	assert.Equal(t, l.SourceRanges, service.Spec.LoadBalancerSourceRanges)
	assert.Subset(t, service.Annotations, l.Annotations)
	require.Len(t, service.Spec.Ports, 1)
	assert.Equal(t, corev1.ProtocolTCP, service.Spec.Ports[0].Protocol)
	assert.EqualValues(t, l.Port, service.Spec.Ports[0].Port)
	assert.Equal(t, l.TargetPort, service.Spec.Ports[0].TargetPort.IntValue())
	policies := of[*networkingv1.NetworkPolicy](c.objects)
	require.Len(t, policies, 1)
	for _, policy := range policies {
		assert.Equal(t, service.Spec.Selector, policy.Spec.PodSelector.MatchLabels)
		require.Len(t, policy.Spec.Ingress, 1)
		require.Len(t, policy.Spec.Ingress[0].Ports, 1)
		assert.Equal(t, l.TargetPort, policy.Spec.Ingress[0].Ports[0].Port.IntValue())
	}
	selector := labels.SelectorFromSet(service.Spec.Selector)
	c.eachStep(t, func(t *testing.T, want *plan.Step, got Step) {
		assert.Equal(t, want.Name == l.Step, selector.Matches(labels.Set(got.Labels)))
		for _, port := range got.Container.Ports { // which only inform
			assert.EqualValues(t, want.Port, port.ContainerPort)
			assert.Equal(t, corev1.ProtocolTCP, port.Protocol)
		}
	})
}

// access: every account has the rights of the plan, bound to it in its own
// namespace, none of them a wildcard; accounts of the user are not made.
func (c *conformance) access(t *testing.T) {
	accounts := of[*corev1.ServiceAccount](c.objects)
	roles, bindings := of[*rbacv1.Role](c.objects), of[*rbacv1.RoleBinding](c.objects)
	cluster := of[*rbacv1.ClusterRole](c.objects)
	for _, a := range c.relationship().Accounts {
		_, made := accounts[a.Name]
		assert.Equal(t, a.Create, made, a.Name)
		require.Contains(t, roles, a.Role)
		require.Contains(t, bindings, a.Role)
		assert.Equal(t, a.Role, bindings[a.Role].RoleRef.Name)
		require.Len(t, bindings[a.Role].Subjects, 1)
		assert.Equal(t, a.Name, bindings[a.Role].Subjects[0].Name)
		assert.Equal(t, c.plan.Sites[0].Namespace, bindings[a.Role].Subjects[0].Namespace)
		granted(t, roles[a.Role].Rules, a.Rules)
		var clusterRules []rbacv1.PolicyRule
		for _, role := range cluster {
			clusterRules = append(clusterRules, role.Rules...)
		}
		granted(t, clusterRules, a.Discover)
	}
	for _, role := range roles {
		for _, r := range role.Rules {
			for _, list := range [][]string{r.Verbs, r.Resources, r.APIGroups} {
				assert.NotContains(t, list, "*", role.Name)
			}
		}
	}
}

func granted(t *testing.T, have []rbacv1.PolicyRule, want []plan.Rule) {
	t.Helper()
	for _, w := range want {
		rule := rbacv1.PolicyRule{
			APIGroups: []string{w.Group}, Resources: w.Resources, ResourceNames: w.Names, Verbs: w.Verbs,
		}
		assert.True(t, slices.ContainsFunc(have, func(r rbacv1.PolicyRule) bool { return assert.ObjectsAreEqual(rule, r) }),
			"%+v is not granted", w)
	}
}

// claims: the replica outlives the bundle.
func (c *conformance) claims(t *testing.T) {
	made := of[*corev1.PersistentVolumeClaim](c.objects)
	assert.Len(t, made, len(c.relationship().Claims))
	for _, want := range c.relationship().Claims {
		got := made[want.Name]
		require.NotNil(t, got)
		assert.Equal(t, want.AccessModes, got.Spec.AccessModes)
		assert.Equal(t, want.Capacity, got.Spec.Resources.Requests.Storage().String())
		require.NotNil(t, got.Spec.StorageClassName)
		assert.Equal(t, want.StorageClass, *got.Spec.StorageClassName)
		assert.Equal(t, "Prune=false,Delete=false", got.Annotations["argocd.argoproj.io/sync-options"])
		assert.Equal(t, "disabled", got.Annotations["kustomize.toolkit.fluxcd.io/prune"])
	}
}

// texts reach the step as they are, whatever an engine would make of them.
func (c *conformance) texts(t *testing.T) {
	made := of[*corev1.ConfigMap](c.objects)
	for _, want := range c.relationship().Texts {
		require.Contains(t, made, want.Name)
		assert.Equal(t, want.Files, made[want.Name].Data)
	}
}
