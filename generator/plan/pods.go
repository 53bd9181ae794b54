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
	pod.Resources = small(m.Resources)
	return pod
}

// small is the resources of a container that moves nothing. What the movers say of
// CPU and ephemeral storage, it says, too: a ResourceQuota on those refuses pods of
// which a container leaves it open. Of CPU it takes no more than they do, as that is
// what the namespace's LimitRange may allow.
func small(mover corev1.ResourceRequirements) corev1.ResourceRequirements {
	const cpu, memory, disk = corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage
	r := corev1.ResourceRequirements{
		Requests: corev1.ResourceList{cpu: resource.MustParse("10m"), memory: resource.MustParse("64Mi")},
		Limits:   corev1.ResourceList{memory: resource.MustParse("256Mi")},
	}
	if most, ok := mover.Limits[cpu]; ok {
		r.Requests[cpu] = least(r.Requests[cpu], most)
		r.Limits[cpu] = least(resource.MustParse("500m"), most)
	}
	_, asked := mover.Requests[disk]
	_, limited := mover.Limits[disk]
	if asked || limited {
		r.Requests[disk] = resource.MustParse("16Mi")
	}
	if limited {
		r.Limits[disk] = resource.MustParse("256Mi")
	}
	return r
}

func least(a, b resource.Quantity) resource.Quantity {
	if b.Cmp(a) < 0 {
		return b
	}
	return a
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
	var added corev1.ResourceRequirements
	if len(m.Resources.Requests)+len(m.Resources.Limits) > 0 {
		added = small(m.Resources)
	}
	return Pod{
		Image:             image,
		Added:             added,
		NodeSelector:      nodes,
		Tolerations:       m.Tolerations,
		PriorityClassName: m.PriorityClassName,
		Labels:            m.Labels,
		Annotations:       m.Annotations,
	}
}
