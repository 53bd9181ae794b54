package common

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/backube/scribe-gen/generator/manifest"
	"github.com/backube/scribe-gen/generator/plan"
)

// Access is an account with its rights: the plan's rules and those that the engine
// adds.
func (r Relationship) Access(a plan.Account, added []rbacv1.PolicyRule) []manifest.Object {
	var objects []manifest.Object
	if a.Create {
		objects = append(objects, &corev1.ServiceAccount{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccount"},
			ObjectMeta: r.Object(a.Name),
		})
	}
	objects = append(objects, r.role(a, added), r.roleBinding(a))
	if len(a.Discover) > 0 {
		objects = append(objects, r.clusterRole(a), r.clusterRoleBinding(a))
	}
	return objects
}

func (r Relationship) role(a plan.Account, added []rbacv1.PolicyRule) *rbacv1.Role {
	return &rbacv1.Role{
		TypeMeta:   rbacType("Role"),
		ObjectMeta: r.Object(a.Role),
		Rules:      slices.Concat(added, plan.PolicyRules(a.Rules)),
	}
}

func (r Relationship) roleBinding(a plan.Account) *rbacv1.RoleBinding {
	return &rbacv1.RoleBinding{
		TypeMeta:   rbacType("RoleBinding"),
		ObjectMeta: r.Object(a.Role),
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: a.Role},
		Subjects:   r.subjects(a),
	}
}

// clusterRole is for looking up classes, which belong to no namespace.
func (r Relationship) clusterRole(a plan.Account) *rbacv1.ClusterRole {
	return &rbacv1.ClusterRole{
		TypeMeta:   rbacType("ClusterRole"),
		ObjectMeta: r.clusterObject(a),
		Rules:      plan.PolicyRules(a.Discover),
	}
}

func (r Relationship) clusterRoleBinding(a plan.Account) *rbacv1.ClusterRoleBinding {
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
func (r Relationship) clusterObject(a plan.Account) metav1.ObjectMeta {
	meta := r.Object(r.Namespace + ":" + a.Role)
	meta.Namespace = ""
	return meta
}

func (r Relationship) subjects(a plan.Account) []rbacv1.Subject {
	return []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: a.Name, Namespace: cmp.Or(a.Namespace, r.Namespace)}}
}

func rbacType(kind string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: kind}
}
