package apiserver

import (
	"cmp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/test/internal/kube"
)

// account is an identity of a bundle with all that the plan wants it to do. One
// that the user names may serve several duties.
type account struct {
	name string
	// namespace is its own; what it may do is in that of the bundle.
	namespace string
	// made says that the bundle makes it.
	made bool
	// inside are rights in the bundle's namespace, everywhere those to look up classes.
	inside, everywhere []kube.Right
}

// accounts computes the table of needed rights from the plan.
func accounts(b bundle) []account {
	var list []account
	for _, r := range b.Relationships {
		for _, a := range r.Accounts {
			i := slices.IndexFunc(list, func(known account) bool { return known.name == a.Name })
			if i < 0 {
				list = append(list, account{name: a.Name, namespace: cmp.Or(a.Namespace, b.Namespace), made: a.Create})
				i = len(list) - 1
			}
			list[i].inside = slices.Concat(list[i].inside, b.engine.rights(r, a), rights(a.Rules))
			list[i].everywhere = append(list[i].everywhere, rights(a.Discover)...)
		}
		list = append(list, b.engine.starters(b, r)...)
	}
	return list
}

func rights(rules []plan.Rule) []kube.Right {
	var list []kube.Right
	for _, r := range rules {
		list = append(list, kube.Expand(r.Verbs, []string{r.Group}, r.Resources, r.Names)...)
	}
	return list
}

// Each account has the rights that the plan names and no others, in the bundle's
// namespace and elsewhere, as the server counts them; none is granted twice.
func TestAccountsHaveTheRightsOfThePlan(t *testing.T) {
	each(t, func(t *testing.T, c *kube.Cluster, f fixture) {
		elsewhere := c.Namespace(t, "elsewhere", nil)
		for _, b := range f.compile(t, c, nil) {
			c.Install(t, b.objects)
			for _, a := range accounts(b) {
				inside := a.await(t, c, b.Namespace)
				assert.ElementsMatch(t, a.all(), unique(inside), a.name)
				if a.made {
					assert.Len(t, inside, len(unique(inside)), "%s: something is granted twice", a.name)
				}
				outside := granted(t, c, a.namespace, a.name, elsewhere)
				assert.ElementsMatch(t, unique(a.everywhere), unique(outside), a.name)
			}
		}
	})
}

// all are the rights that the account has in the bundle's namespace.
func (a account) all() []kube.Right { return unique(slices.Concat(a.inside, a.everywhere)) }

// settle is how long the server's authorizer may take to notice new roles; it
// offers nothing to watch.
const settle = 20 * time.Second

// await returns what the server grants the account in the bundle's namespace, as soon
// as that includes all that the plan wants. Missing rights fail the test.
func (a account) await(t *testing.T, c *kube.Cluster, namespace string) []kube.Right {
	t.Helper()
	var have, missing []kube.Right
	require.Eventually(t, func() bool {
		have = granted(t, c, a.namespace, a.name, namespace)
		missing = slices.DeleteFunc(a.all(), func(r kube.Right) bool { return slices.Contains(have, r) })
		return len(missing) == 0
	}, settle, 50*time.Millisecond, "%s may not: %v", a.name, &missing)
	return have
}

// granted are an account's rights in a namespace besides those that every
// account has.
func granted(t *testing.T, c *kube.Cluster, namespace, account, in string) []kube.Right {
	t.Helper()
	all, err := c.Rights(t.Context(), namespace, account, in)
	require.NoError(t, err)
	anyone, err := c.Rights(t.Context(), namespace, "nobody", in)
	require.NoError(t, err)
	return slices.DeleteFunc(all, func(r kube.Right) bool { return slices.Contains(anyone, r) })
}

// unique sorts the rights and leaves out repetitions.
func unique(list []kube.Right) []kube.Right {
	sorted := slices.SortedFunc(slices.Values(list), func(a, b kube.Right) int {
		return strings.Compare(a.String(), b.String())
	})
	return slices.Compact(sorted)
}

// No rule has a wildcard, and there are cluster-wide rights for no other purpose
// than looking up classes.
func TestRulesAreNarrow(t *testing.T) {
	for _, e := range engines {
		for _, f := range fixtures(t, e) {
			for _, b := range f.asWritten(t) {
				narrowBundle(t, f, b)
			}
		}
	}
}

func narrowBundle(t *testing.T, f fixture, b bundle) {
	t.Helper()
	discover, cluster := 0, 0
	for _, r := range b.Relationships {
		for _, a := range r.Accounts {
			discover += min(1, len(a.Discover))
		}
	}
	for _, o := range b.typed {
		switch role := o.(type) {
		case *rbacv1.Role:
			narrow(t, role.Name, role.Rules, nil)
		case *rbacv1.ClusterRole:
			cluster++
			narrow(t, role.Name, role.Rules, []string{"storageclasses", "csidrivers", "volumesnapshotclasses"})
		}
	}
	assert.Equal(t, discover, cluster, "%s: ClusterRoles of %s at site %s", f.engine.Name(), f.name, b.Name)
}

// narrow checks rules for wildcards and, where resources are given, for others.
func narrow(t *testing.T, name string, rules []rbacv1.PolicyRule, resources []string) {
	t.Helper()
	assert.NotEmpty(t, rules, name)
	for _, r := range rules {
		assert.Empty(t, r.NonResourceURLs, name)
		for _, list := range [][]string{r.Verbs, r.Resources, r.APIGroups, r.ResourceNames} {
			for _, entry := range list {
				assert.NotContains(t, entry, "*", name)
			}
		}
		if resources != nil {
			assert.Subset(t, resources, r.Resources, name)
			assert.Subset(t, []string{"get", "list", "watch"}, r.Verbs, name)
		}
	}
}

// With every class named, or nothing to be copied, there is nothing to look up.
func TestNothingIsClusterWideWithoutNeed(t *testing.T) {
	for _, e := range engines {
		for _, name := range []string{"everything", "direct"} {
			for _, b := range named(t, e, name).asWritten(t) {
				for _, o := range b.objects {
					assert.Equal(t, b.Namespace, o.GetNamespace(), kube.Describe(o))
				}
			}
		}
	}
}
