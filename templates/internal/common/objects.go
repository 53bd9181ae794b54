package common

import (
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/backube/scribe-gen/generator/manifest"
	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/templates/internal/podspec"
)

// configMaps are the user's texts. Their names do not change with their content:
// a GitOps tool would else delete the one that a running step still mounts.
func (r Relationship) configMaps() []manifest.Object {
	var objects []manifest.Object
	for _, t := range r.Texts {
		objects = append(objects, &corev1.ConfigMap{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
			ObjectMeta: r.Object(t.Name),
			Data:       t.Files,
		})
	}
	return objects
}

// claims are the volumes. They hold the replica: GitOps tools must not delete them
// when the bundle goes from Git, nor when the tool's own object goes.
func (r Relationship) claims() []manifest.Object {
	var objects []manifest.Object
	for _, c := range r.Claims {
		claim := &corev1.PersistentVolumeClaim{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "PersistentVolumeClaim"},
			ObjectMeta: r.Object(c.Name),
			Spec: corev1.PersistentVolumeClaimSpec{
				AccessModes: c.AccessModes,
				Resources: corev1.VolumeResourceRequirements{
					Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(c.Capacity)},
				},
			},
		}
		annotate(&claim.ObjectMeta, map[string]string{
			"argocd.argoproj.io/sync-options":   "Prune=false,Delete=false",
			"kustomize.toolkit.fluxcd.io/prune": "disabled",
		})
		if c.StorageClass != "" {
			claim.Spec.StorageClassName = &c.StorageClass
		}
		objects = append(objects, claim)
	}
	return objects
}

// network is how peers reach the listener.
func (r Relationship) network() []manifest.Object {
	if r.Listener == nil {
		return nil
	}
	return []manifest.Object{r.service(r.Listener), r.networkPolicy(r.Listener)}
}

func (r Relationship) selector(l *plan.Listener) map[string]string {
	return podspec.Selector(r.Name, contract.RoleDestination, l.Step)
}

// service has endpoints only while a listener is ready, so that a source that
// comes too early is told at once and tries again.
func (r Relationship) service(l *plan.Listener) *corev1.Service {
	s := &corev1.Service{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: r.OfRole(l.Service, contract.RoleDestination),
		Spec: corev1.ServiceSpec{
			Type:     l.Type,
			Selector: r.selector(l),
			Ports: []corev1.ServicePort{{
				Name: "ssh", Protocol: corev1.ProtocolTCP,
				Port: int32(l.Port), TargetPort: intstr.FromInt32(int32(l.TargetPort)),
			}},
			LoadBalancerSourceRanges: l.SourceRanges,
		},
	}
	if len(l.Annotations) > 0 {
		annotate(&s.ObjectMeta, l.Annotations)
	}
	return s
}

// networkPolicy admits connections to the listener's port and to nothing else of
// its pod. It names no sources: behind a load balancer the pod sees a node's
// address instead of the peer's; the Service has the ranges.
func (r Relationship) networkPolicy(l *plan.Listener) *networkingv1.NetworkPolicy {
	tcp, port := corev1.ProtocolTCP, intstr.FromInt32(int32(l.TargetPort))
	return &networkingv1.NetworkPolicy{
		TypeMeta:   metav1.TypeMeta{APIVersion: networkingv1.SchemeGroupVersion.String(), Kind: "NetworkPolicy"},
		ObjectMeta: r.OfRole(l.Service, contract.RoleDestination),
		Spec: networkingv1.NetworkPolicySpec{
			PodSelector: metav1.LabelSelector{MatchLabels: r.selector(l)},
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress},
			Ingress: []networkingv1.NetworkPolicyIngressRule{{
				Ports: []networkingv1.NetworkPolicyPort{{Protocol: &tcp, Port: &port}},
			}},
		},
	}
}
