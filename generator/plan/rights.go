package plan

import rbacv1 "k8s.io/api/rbac/v1"

// PolicyRules are rights as a Role has them.
func PolicyRules(rules []Rule) []rbacv1.PolicyRule {
	var list []rbacv1.PolicyRule
	for _, rule := range rules {
		list = append(list, rbacv1.PolicyRule{
			APIGroups: []string{rule.Group}, Resources: rule.Resources,
			ResourceNames: rule.Names, Verbs: rule.Verbs,
		})
	}
	return list
}
