// Package manifest holds the objects that a compilation results in, and prints
// and writes them: in a fixed order, byte-identical for the same objects, all or
// nothing. It knows kinds of objects, but not what they are for.
package manifest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Object is a typed Kubernetes object that knows its kind (its TypeMeta is set).
type Object interface {
	metav1.Object
	runtime.Object
}

// Bundle is the objects to apply at one site for one replication.
type Bundle struct {
	Site, Replication string
	// Objects are in the order to apply them.
	Objects []Object
}

// NewBundle orders the objects: what others refer to comes first, then by
// namespace and name. For tools that have an order of their own, it annotates copies
// of those that come late. Objects without kind or name, and two of the same kind,
// namespace and name, are errors.
func NewBundle(site, replication string, objects []Object) (Bundle, error) {
	b := Bundle{Site: site, Replication: replication, Objects: slices.Clone(objects)}
	slices.SortStableFunc(b.Objects, compare)
	var errs []error
	for i, o := range b.Objects {
		b.Objects[i] = inWave(o)
		if kind(o) == "" || o.GetName() == "" {
			errs = append(errs, fmt.Errorf("site %s: an object of type %T lacks kind or name", site, o))
		}
		if i > 0 && compare(b.Objects[i-1], o) == 0 {
			errs = append(errs, fmt.Errorf("site %s: two objects are %s", site, describe(o)))
		}
	}
	return b, errors.Join(errs...)
}

// Summary lists the objects as "Kind name", in order.
func (b Bundle) Summary() []string {
	lines := make([]string, len(b.Objects))
	for i, o := range b.Objects {
		lines[i] = kind(o) + " " + o.GetName()
	}
	return lines
}

// order is that in which kinds are applied: what a pod needs to start comes before
// what starts pods. Templates come first of all, as they start nothing and need time:
// Argo drops a CronWorkflow whose template it has not seen yet, without a word, until
// the object changes or 20 minutes have passed.
var order = []string{
	"WorkflowTemplate", "Task", "Pipeline",
	"ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding",
	"ConfigMap", "PersistentVolumeClaim", "Service", "NetworkPolicy",
	"CronWorkflow", "CronJob",
}

func rank(kind string) int {
	if i := slices.Index(order, kind); i >= 0 {
		return i
	}
	return len(order)
}

func compare(a, b Object) int {
	return cmp.Or(
		cmp.Compare(rank(kind(a)), rank(kind(b))),
		cmp.Compare(kind(a), kind(b)),
		cmp.Compare(a.GetNamespace(), b.GetNamespace()),
		cmp.Compare(a.GetName(), b.GetName()),
	)
}

func kind(o Object) string { return o.GetObjectKind().GroupVersionKind().Kind }

// describe names an object in messages.
func describe(o Object) string {
	if o.GetNamespace() == "" {
		return kind(o) + " " + o.GetName()
	}
	return kind(o) + " " + o.GetNamespace() + "/" + o.GetName()
}
