package enginetest

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/backube/scribe-gen/generator/plan"
)

// baseline are the capabilities that Pod Security Standard "baseline" allows.
var baseline = []corev1.Capability{
	"AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD",
	"NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
}

// security: "restricted" without root, "baseline" with it, and the user's fields
// over ours.
func (c *conformance) security(t *testing.T) {
	c.eachStep(t, func(t *testing.T, want *plan.Step, got Step) {
		container, pod := got.Container.SecurityContext, got.Security
		require.NotNil(t, container)
		require.NotNil(t, pod)
		require.NotNil(t, container.AllowPrivilegeEscalation)
		assert.False(t, *container.AllowPrivilegeEscalation)
		require.NotNil(t, container.ReadOnlyRootFilesystem)
		assert.True(t, *container.ReadOnlyRootFilesystem)
		require.NotNil(t, container.Capabilities)
		assert.Equal(t, []corev1.Capability{"ALL"}, container.Capabilities.Drop)
		require.NotNil(t, pod.SeccompProfile)
		assert.Equal(t, corev1.SeccompProfileTypeRuntimeDefault, pod.SeccompProfile.Type)
		require.NotNil(t, pod.RunAsUser)
		if want.Pod.Owner {
			assert.Zero(t, *pod.RunAsUser)
			assert.Subset(t, container.Capabilities.Add, []corev1.Capability{"CHOWN", "DAC_OVERRIDE", "FOWNER"})
			assert.Subset(t, baseline, container.Capabilities.Add)
			assert.Nil(t, pod.FSGroup, "the kubelet would rewrite modes")
			return
		}
		assert.Empty(t, container.Capabilities.Add)
		require.NotNil(t, pod.RunAsNonRoot)
		assert.True(t, *pod.RunAsNonRoot)
		assert.NotZero(t, *pod.RunAsUser)
		require.NotNil(t, pod.FSGroup, "Secrets would not be readable")
		require.NotNil(t, pod.FSGroupChangePolicy)
		assert.Equal(t, corev1.FSGroupChangeOnRootMismatch, *pod.FSGroupChangePolicy)
		if own := want.Pod.SecurityContext; own != nil {
			assert.Equal(t, *own.RunAsUser, *pod.RunAsUser)
			assert.Equal(t, *own.FSGroup, *pod.FSGroup)
		}
	})
}

// placement: the user's settings reach the pod.
func (c *conformance) placement(t *testing.T) {
	c.eachStep(t, func(t *testing.T, want *plan.Step, got Step) {
		pod := want.Pod
		assert.Equal(t, pod.NodeSelector, got.NodeSelector)
		assert.Equal(t, pod.Tolerations, got.Tolerations)
		assert.Equal(t, pod.Affinity, got.Affinity)
		assert.Equal(t, pod.PriorityClassName, got.PriorityClassName)
		assert.Equal(t, pod.Resources, got.Container.Resources)
		assert.Equal(t, want.Account, got.Account)
		for k, v := range pod.Labels {
			assert.Equal(t, v, got.Labels[k])
		}
		for k, v := range pod.Annotations {
			assert.Equal(t, v, got.Annotations[k])
		}
	})
}
