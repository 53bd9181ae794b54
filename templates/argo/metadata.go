package argo

import (
	"maps"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/backube/scribe-gen/steps/contract"
)

// object is the metadata of an object in the site's namespace. The user's labels
// and annotations are on every object; ours win, as others select by them.
func (r relationship) object(name string) metav1.ObjectMeta {
	labels := maps.Clone(r.plan.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	maps.Copy(labels, r.labels())
	labels["app.kubernetes.io/managed-by"] = "scribe-gen"
	return metav1.ObjectMeta{
		Name: name, Namespace: r.namespace,
		Labels: labels, Annotations: maps.Clone(r.plan.Annotations),
	}
}

// labels say which relationship an object is of.
func (r relationship) labels() map[string]string {
	return map[string]string{
		contract.LabelReplication:  r.plan.Replication,
		contract.LabelRelationship: r.Name,
	}
}

// roleLabels say which pipeline of the relationship it is of, too.
func (r relationship) roleLabels(role string) map[string]string {
	labels := r.labels()
	labels[contract.LabelRole] = role
	return labels
}

// ofRole is the metadata of an object of one pipeline.
func (r relationship) ofRole(name, role string) metav1.ObjectMeta {
	meta := r.object(name)
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
