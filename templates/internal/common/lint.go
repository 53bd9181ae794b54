package common

import (
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/backube/scribe-gen/generator/manifest"
)

// Findings are what a lint finds, each with the place that it looked at.
type Findings struct {
	// Where is the place that is looked at now.
	Where string
	errs  []error
}

// Failf adds a problem.
func (f *Findings) Failf(format string, args ...any) {
	f.errs = append(f.errs, fmt.Errorf("%s: %w", f.Where, fmt.Errorf(format, args...)))
}

// Err is all problems; nil when there is none.
func (f *Findings) Err() error { return errors.Join(f.errs...) }

// clusterScoped are the kinds that belong to no namespace.
var clusterScoped = [...]string{"ClusterRole", "ClusterRoleBinding"}

// Object turns to an object and checks what must hold whatever its kind: it is in the
// namespace, unless it belongs to none, and has a name that is legal and, by kind, at
// most as long as limits says.
func (f *Findings) Object(o manifest.Object, namespace string, limits map[string]int) {
	kind, name := o.GetObjectKind().GroupVersionKind().Kind, o.GetName()
	f.Where = kind + " " + name
	if slices.Contains(clusterScoped[:], kind) {
		if o.GetNamespace() != "" {
			f.Failf("is not in a namespace")
		}
		return // names of roles may hold a colon
	}
	if o.GetNamespace() == "" || o.GetNamespace() != namespace {
		f.Failf("namespace %q, want %q", o.GetNamespace(), namespace)
	}
	for _, problem := range validation.IsDNS1123Subdomain(name) {
		f.Failf("name: %s", problem)
	}
	if limit, ok := limits[kind]; ok && len(name) > limit {
		f.Failf("name has %d bytes, at most %d are possible", len(name), limit)
	}
}

// Mounts compares the volumes of a pod with what its containers mount. A
// volume that nobody mounts is attached nevertheless, and a mount without a volume
// is found by nobody before the pod is made.
func (f *Findings) Mounts(volumes []corev1.Volume, mounts []corev1.VolumeMount) {
	mounted, declared := map[string]bool{}, map[string]bool{}
	for _, v := range volumes {
		declared[v.Name] = true
		for _, problem := range validation.IsDNS1123Label(v.Name) {
			f.Failf("volume %q: %s", v.Name, problem)
		}
	}
	for _, m := range mounts {
		if mounted[m.Name] = true; !declared[m.Name] {
			f.Failf("mounts %q, which is no volume of it", m.Name)
		}
	}
	for _, v := range volumes {
		if !mounted[v.Name] {
			f.Failf("volume %q is attached to its pod although nothing mounts it", v.Name)
		}
	}
}
