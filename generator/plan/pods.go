package plan

import (
	"maps"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/backube/scribe-gen/generator/spec"
)

// moverPod is the pod of a step that mounts volumes.
func moverPod(m *spec.Mover) Pod {
	pod := placed(m)
	pod.Owner = m.Privileges == spec.PrivilegesOwner
	pod.SecurityContext = m.SecurityContext
	pod.Resources = m.Resources
	pod.Affinity = m.Affinity
	return pod
}

// controlPod is the pod of a step that only talks to the API server: without
// root, whatever the movers need, and small. The movers' affinity is not for it,
// as that follows volumes.
func controlPod(m *spec.Mover) Pod {
	pod := placed(m)
	pod.Resources = corev1.ResourceRequirements{
		Requests: corev1.ResourceList{
			corev1.ResourceCPU:    resource.MustParse("10m"),
			corev1.ResourceMemory: resource.MustParse("64Mi"),
		},
		Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("256Mi")},
	}
	return pod
}

// placed is what both have in common: the image, and where and how pods may run
// at all.
func placed(m *spec.Mover) Pod {
	image := m.Image
	if image == "" {
		image = Image
	}
	nodes := map[string]string{corev1.LabelOSStable: "linux"} // the image's; the user's selector wins
	maps.Copy(nodes, m.NodeSelector)
	return Pod{
		Image:             image,
		NodeSelector:      nodes,
		Tolerations:       m.Tolerations,
		PriorityClassName: m.PriorityClassName,
		Labels:            m.Labels,
		Annotations:       m.Annotations,
	}
}
