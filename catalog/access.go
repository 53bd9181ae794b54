package catalog

import (
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/backube/scribe-gen/generator/manifest"
	"github.com/backube/scribe-gen/generator/plan"
)

// access is the account of a block with its rights, in whatever namespace it is
// applied to: without one, the subject of a RoleBinding is in the binding's own.
func (b *Block) access(rights []plan.Rule) []manifest.Object {
	meta := metav1.ObjectMeta{Name: b.Package(), Labels: labels()}
	return []manifest.Object{
		&corev1.ServiceAccount{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccount"}, ObjectMeta: meta},
		&rbacv1.Role{TypeMeta: rbacType("Role"), ObjectMeta: meta, Rules: plan.PolicyRules(rights)},
		&rbacv1.RoleBinding{
			TypeMeta: rbacType("RoleBinding"), ObjectMeta: meta,
			RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: meta.Name},
			Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: meta.Name}},
		},
	}
}

// discoveryName is the ClusterRole for looking up classes, the same for all blocks.
const discoveryName = prefix + "discovery"

// discovery is the ClusterRole of a block that looks up classes; it is bound by hand,
// as a ClusterRoleBinding names its namespaces.
func (b *Block) discovery() manifest.Object {
	return &rbacv1.ClusterRole{
		TypeMeta:   rbacType("ClusterRole"),
		ObjectMeta: metav1.ObjectMeta{Name: discoveryName, Labels: labels()},
		Rules:      plan.PolicyRules(b.Account.Discover),
	}
}

func rbacType(kind string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: kind}
}
