package enginetest

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/steps/contract"
)

// starts: when all steps have succeeded, each start makes one run where it belongs,
// under an account that may do that there and nothing here.
func (c *conformance) starts(t *testing.T) {
	c.eachPipeline(t, func(t *testing.T, p *plan.Pipeline, view Pipeline) {
		require.Len(t, view.Starts, len(p.Starts))
		for i, want := range p.Starts {
			c.start(t, p, want, view.Starts[i])
		}
	})
	t.Run("rights", c.startsRights)
}

func (c *conformance) start(t *testing.T, p *plan.Pipeline, want plan.Start, got Start) {
	t.Helper()
	assert.Equal(t, want.Name, got.Name)
	assert.Equal(t, want.Pipeline, got.Pipeline)
	assert.Equal(t, want.Namespace, got.Namespace)
	assert.Equal(t, want.Account, got.Account)
	assert.True(t, got.Once, "tried again, it makes a second run")
	for label, value := range map[string]string{
		contract.LabelReplication: c.plan.Replication, contract.LabelRelationship: want.Relationship, contract.LabelRole: contract.RoleDestination,
	} {
		assert.Equal(t, value, got.RunLabels[label], label)
	}
	for _, s := range p.Steps {
		assert.True(t, c.follows(p, got.Needs, s.Name), "it does not wait for step %s", s.Name)
	}
	first := p.Steps[0]
	assert.Equal(t, first.Retry.Limit, got.Retries)
	assert.Positive(t, got.Timeout)
	assert.Less(t, got.Timeout, p.Timeout)
	assert.Equal(t, first.Pod.NodeSelector, got.NodeSelector)
	assert.Equal(t, first.Pod.PriorityClassName, got.PriorityClassName)
	require.NotNil(t, got.Security)
	require.NotNil(t, got.Security.RunAsNonRoot)
	assert.True(t, *got.Security.RunAsNonRoot)
}

// follows reports whether a step is one of those needed, or one that they need.
func (c *conformance) follows(p *plan.Pipeline, needed []string, name string) bool {
	return slices.Contains(needed, name) || slices.ContainsFunc(p.Steps, func(s plan.Step) bool {
		return slices.Contains(needed, s.Name) && c.follows(p, s.Needs, name)
	})
}

// startsRights: where the run belongs, the account is bound to a Role that lets it
// create runs, and not made; at home it has no right to create anything of the kind.
func (c *conformance) startsRights(t *testing.T) {
	there := c.plan.Sites[1]
	objects := c.compileAt(t, 1)
	var starter plan.Account
	for _, a := range there.Relationships[0].Accounts {
		if a.Namespace != "" {
			starter = a
		}
	}
	assert.NotContains(t, of[*corev1.ServiceAccount](objects), starter.Name)
	binding := of[*rbacv1.RoleBinding](objects)[starter.Role]
	require.NotNil(t, binding)
	assert.Equal(t, starter.Role, binding.RoleRef.Name)
	assert.Equal(t, []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: starter.Name, Namespace: starter.Namespace}}, binding.Subjects)
	role := of[*rbacv1.Role](objects)[starter.Role]
	require.NotNil(t, role)
	require.Len(t, role.Rules, 1)
	given := role.Rules[0]
	assert.Contains(t, given.Verbs, "create")
	assert.NotContains(t, slices.Concat(given.Verbs, given.Resources, given.APIGroups), "*")
	home := of[*rbacv1.Role](c.objects)[starter.Name]
	require.NotNil(t, home)
	for _, rule := range home.Rules {
		assert.NotEqual(t, given.Resources, rule.Resources, "rights at home")
	}
}
