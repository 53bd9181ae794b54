package common

import (
	"maps"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/backube/scribe-gen/steps/contract"
)

// Object is the metadata of an object in the site's namespace. The user's labels
// and annotations are on every object; ours win, as others select by them.
func (r Relationship) Object(name string) metav1.ObjectMeta {
	labels := maps.Clone(r.Plan.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	maps.Copy(labels, r.Labels())
	labels["app.kubernetes.io/managed-by"] = "scribe-gen"
	return metav1.ObjectMeta{
		Name: name, Namespace: r.Namespace,
		Labels: labels, Annotations: maps.Clone(r.Plan.Annotations),
	}
}

// Labels say which relationship an object is of.
func (r Relationship) Labels() map[string]string {
	return map[string]string{
		contract.LabelReplication:  r.Plan.Replication,
		contract.LabelRelationship: r.Name,
	}
}

// RoleLabels say which pipeline of the relationship it is of, too.
func (r Relationship) RoleLabels(role string) map[string]string {
	labels := r.Labels()
	labels[contract.LabelRole] = role
	return labels
}

// OfRole is the metadata of an object of one pipeline.
func (r Relationship) OfRole(name, role string) metav1.ObjectMeta {
	meta := r.Object(name)
	meta.Labels[contract.LabelRole] = role
	return meta
}

// annotate adds annotations; those that are given win.
func annotate(meta *metav1.ObjectMeta, annotations map[string]string) {
	if meta.Annotations == nil {
		meta.Annotations = map[string]string{}
	}
	maps.Copy(meta.Annotations, annotations)
}
