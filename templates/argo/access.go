package argo

import (
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/backube/scribe-gen/generator/manifest"
	"github.com/backube/scribe-gen/generator/plan"
)

// taskResults is what Argo itself needs of every account: its executor reports a
// step's outputs, progress and end under it. Without it a step that succeeded
// hangs until the controller gives up.
var taskResults = rbacv1.PolicyRule{
	APIGroups: []string{"argoproj.io"},
	Resources: []string{"workflowtaskresults"},
	Verbs:     []string{"create", "patch"},
}

// access is the accounts with their rights.
func (r relationship) access() []manifest.Object {
	var objects []manifest.Object
	for _, a := range r.Accounts {
		if a.Create {
			objects = append(objects, &corev1.ServiceAccount{
				TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccount"},
				ObjectMeta: r.object(a.Name),
			})
		}
		objects = append(objects, r.role(a), r.roleBinding(a))
		if len(a.Discover) > 0 {
			objects = append(objects, r.clusterRole(a), r.clusterRoleBinding(a))
		}
	}
	return objects
}

func (r relationship) role(a plan.Account) *rbacv1.Role {
	return &rbacv1.Role{
		TypeMeta:   rbacType("Role"),
		ObjectMeta: r.object(a.Role),
		Rules:      append([]rbacv1.PolicyRule{taskResults}, policyRules(a.Rules)...),
	}
}

func (r relationship) roleBinding(a plan.Account) *rbacv1.RoleBinding {
	return &rbacv1.RoleBinding{
		TypeMeta:   rbacType("RoleBinding"),
		ObjectMeta: r.object(a.Role),
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: a.Role},
		Subjects:   r.subjects(a),
	}
}

// clusterRole is for looking up classes, which belong to no namespace.
func (r relationship) clusterRole(a plan.Account) *rbacv1.ClusterRole {
	return &rbacv1.ClusterRole{
		TypeMeta:   rbacType("ClusterRole"),
		ObjectMeta: r.clusterObject(a),
		Rules:      policyRules(a.Discover),
	}
}

func (r relationship) clusterRoleBinding(a plan.Account) *rbacv1.ClusterRoleBinding {
	meta := r.clusterObject(a)
	return &rbacv1.ClusterRoleBinding{
		TypeMeta:   rbacType("ClusterRoleBinding"),
		ObjectMeta: meta,
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: meta.Name},
		Subjects:   r.subjects(a),
	}
}

// clusterObject has the namespace in its name: two namespaces of one cluster may
// hold the same replication. A colon cannot be in either part.
func (r relationship) clusterObject(a plan.Account) metav1.ObjectMeta {
	meta := r.object(r.namespace + ":" + a.Role)
	meta.Namespace = ""
	return meta
}

func (r relationship) subjects(a plan.Account) []rbacv1.Subject {
	return []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: a.Name, Namespace: r.namespace}}
}

func rbacType(kind string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: kind}
}

func policyRules(rules []plan.Rule) []rbacv1.PolicyRule {
	var list []rbacv1.PolicyRule
	for _, rule := range rules {
		list = append(list, rbacv1.PolicyRule{
			APIGroups: []string{rule.Group}, Resources: rule.Resources,
			ResourceNames: rule.Names, Verbs: rule.Verbs,
		})
	}
	return list
}
