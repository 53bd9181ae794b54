package tekton

import (
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/backube/scribe-gen/generator/plan"
)

// earlierPods is needed by every account.
var earlierPods = plan.Rule{
	Resources: []string{"pods"}, Verbs: []string{"list"},
	Reason: "find out whether the step gave up in an earlier pod",
}

func listsPods(r plan.Rule) bool {
	return r.Group == "" && slices.Contains(r.Resources, "pods") && slices.Contains(r.Verbs, "list")
}

// rights are what an account needs because of how Tekton works: one that runs steps
// here, or one of another namespace that starts runs.
func (r relationship) rights(a plan.Account) []rbacv1.PolicyRule {
	if a.Namespace != "" {
		return plan.PolicyRules([]plan.Rule{startsRuns})
	}
	var rules []plan.Rule
	if !slices.ContainsFunc(a.Rules, listsPods) {
		rules = append(rules, earlierPods)
	}
	if r.begins(a) {
		rules = append(rules, plan.Rule{
			Group: "tekton.dev", Resources: []string{"pipelineruns"}, Verbs: []string{"list", "watch"},
			Reason: "wait until older runs have ended",
		})
	}
	return plan.PolicyRules(append(rules, a.Lingering...))
}

// begins reports whether runs begin with a step of the account.
func (r relationship) begins(a plan.Account) bool {
	return slices.ContainsFunc(r.Pipelines, func(p plan.Pipeline) bool {
		return slices.ContainsFunc(p.Steps, func(s plan.Step) bool {
			return s.Account == a.Name && waitsForTurn(&p, &s)
		})
	})
}
