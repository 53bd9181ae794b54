package enginetest

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"
)

// Kinds makes empty objects by their kind.
type Kinds map[string]func() any

// builtin are the kinds of Kubernetes itself that bundles have.
var builtin = Kinds{
	"ServiceAccount":        func() any { return &corev1.ServiceAccount{} },
	"Role":                  func() any { return &rbacv1.Role{} },
	"RoleBinding":           func() any { return &rbacv1.RoleBinding{} },
	"ClusterRole":           func() any { return &rbacv1.ClusterRole{} },
	"ClusterRoleBinding":    func() any { return &rbacv1.ClusterRoleBinding{} },
	"ConfigMap":             func() any { return &corev1.ConfigMap{} },
	"PersistentVolumeClaim": func() any { return &corev1.PersistentVolumeClaim{} },
	"Service":               func() any { return &corev1.Service{} },
	"NetworkPolicy":         func() any { return &networkingv1.NetworkPolicy{} },
	"CronJob":               func() any { return &batchv1.CronJob{} },
}

// Decode decodes a document strictly into the type of its kind, which is one of
// Kubernetes' or of the engine's own.
func Decode(t *testing.T, document string, own Kinds) (kind string, object any) {
	t.Helper()
	var meta struct{ Kind string }
	require.NoError(t, yaml.Unmarshal([]byte(document), &meta))
	kinds := maps.Clone(builtin)
	maps.Copy(kinds, own)
	require.Contains(t, kinds, meta.Kind)
	object = kinds[meta.Kind]()
	require.NoError(t, yaml.UnmarshalStrict([]byte(document), object), document)
	return meta.Kind, object
}
