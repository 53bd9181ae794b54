package common

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/backube/scribe-gen/generator/manifest"
)

// clusterScoped are the kinds that belong to no namespace.
var clusterScoped = [...]string{"ClusterRole", "ClusterRoleBinding"}

// Problems returns what is wrong with an object whatever its kind: it must be in the
// namespace, unless it belongs to none, and have a name that is legal and, by kind,
// at most as long as limits says.
func Problems(o manifest.Object, namespace string, limits map[string]int) (problems []string) {
	kind, name := o.GetObjectKind().GroupVersionKind().Kind, o.GetName()
	failf := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	if slices.Contains(clusterScoped[:], kind) {
		if o.GetNamespace() != "" {
			failf("is not in a namespace")
		}
		return problems // names of roles may hold a colon
	}
	if o.GetNamespace() == "" || o.GetNamespace() != namespace {
		failf("namespace %q, want %q", o.GetNamespace(), namespace)
	}
	for _, problem := range validation.IsDNS1123Subdomain(name) {
		failf("name: %s", problem)
	}
	if limit, ok := limits[kind]; ok && len(name) > limit {
		failf("name has %d bytes, at most %d are possible", len(name), limit)
	}
	return problems
}

// MountProblems compares the volumes of a pod with what its containers mount. A
// volume that nobody mounts is attached nevertheless, and a mount without a volume
// is found by nobody before the pod is made.
func MountProblems(volumes []corev1.Volume, mounts []corev1.VolumeMount) (problems []string) {
	failf := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	mounted, declared := map[string]bool{}, map[string]bool{}
	for _, v := range volumes {
		declared[v.Name] = true
		for _, problem := range validation.IsDNS1123Label(v.Name) {
			failf("volume %q: %s", v.Name, problem)
		}
	}
	for _, m := range mounts {
		if mounted[m.Name] = true; !declared[m.Name] {
			failf("mounts %q, which is no volume of it", m.Name)
		}
	}
	for _, v := range volumes {
		if !mounted[v.Name] {
			failf("volume %q is attached to its pod although nothing mounts it", v.Name)
		}
	}
	return problems
}
