package podspec

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/steps/contract"
)

func TestPodSecurity(t *testing.T) {
	owner, err := PodSecurity(plan.Pod{Owner: true})
	require.NoError(t, err)
	assert.Zero(t, *owner.RunAsUser)
	assert.Nil(t, owner.RunAsNonRoot)
	assert.Nil(t, owner.FSGroup)

	restricted, err := PodSecurity(plan.Pod{})
	require.NoError(t, err)
	assert.True(t, *restricted.RunAsNonRoot)
	assert.Equal(t, Nobody, *restricted.RunAsUser)
	assert.Equal(t, Nobody, *restricted.FSGroup)
}

// The user's fields go over ours one by one, without touching the plan's.
func TestPodSecurityOverride(t *testing.T) {
	user, local := int64(1000), "profile.json"
	own := &corev1.PodSecurityContext{
		RunAsUser:      &user,
		SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeLocalhost, LocalhostProfile: &local},
	}
	before := own.DeepCopy()
	got, err := PodSecurity(plan.Pod{SecurityContext: own})
	require.NoError(t, err)
	assert.Equal(t, user, *got.RunAsUser)
	assert.Equal(t, Nobody, *got.RunAsGroup)
	assert.Equal(t, own.SeccompProfile, got.SeccompProfile)
	*got.RunAsUser = 7
	assert.Equal(t, before, own)
}

func TestContainer(t *testing.T) {
	s := &plan.Step{Command: &contract.RsyncListen{}, Port: 2222, Pod: plan.Pod{Image: "i", Owner: true}}
	none := func(plan.Variable) (string, error) { return "", errors.New("no value") }
	c, err := Container("main", s, none)
	require.NoError(t, err)
	assert.Equal(t, []string{"listen"}, c.Args)
	assert.Equal(t, []string{"/scribe/rsync"}, c.Command)
	assert.Equal(t, 2222, c.ReadinessProbe.TCPSocket.Port.IntValue())
	assert.Contains(t, c.SecurityContext.Capabilities.Add, corev1.Capability("CHOWN"))
	c.SecurityContext.Capabilities.Add[0] = "SYS_ADMIN"
	again, err := Container("main", s, none)
	require.NoError(t, err)
	assert.NotContains(t, again.SecurityContext.Capabilities.Add, corev1.Capability("SYS_ADMIN"), "one container's is not another's")

	s.Pod.Image = plan.ParamValue("image")
	_, err = Container("main", s, none)
	require.ErrorContains(t, err, "no value")
}

func TestVolumes(t *testing.T) {
	none := func(plan.Variable) (string, error) { return "", errors.New("no value") }
	s := &plan.Step{Name: "s", Mounts: []plan.Mount{{Name: "m", Kind: plan.MountClaim, Source: plan.Run, ReadOnly: true}}}
	_, err := Volumes(s, none)
	require.ErrorContains(t, err, "no value")

	volumes, err := Volumes(s, func(plan.Variable) (string, error) { return "u", nil })
	require.NoError(t, err)
	assert.Equal(t, "u", volumes[1].PersistentVolumeClaim.ClaimName)
	assert.True(t, volumes[1].PersistentVolumeClaim.ReadOnly)

	s.Mounts[0].Kind = "wormhole"
	_, err = Volumes(s, func(plan.Variable) (string, error) { return "u", nil })
	var unsupported *plan.UnsupportedError
	require.ErrorAs(t, err, &unsupported)
}

func TestAnnotations(t *testing.T) {
	control, mover := &plan.Step{}, &plan.Step{Mounts: []plan.Mount{{Kind: plan.MountClaim}}}
	const key = "cluster-autoscaler.kubernetes.io/safe-to-evict"
	assert.NotContains(t, Annotations(control), key)
	assert.Equal(t, "false", Annotations(mover)[key])
}

// A user's label cannot take a pod away from the Service that selects it.
func TestLabels(t *testing.T) {
	s := &plan.Step{Name: "listen", Pod: plan.Pod{Labels: map[string]string{
		LabelStep: "mine", "sidecar.istio.io/inject": "true", "tier": "batch",
	}}}
	got := Labels("r", "r-s", contract.RoleDestination, s, "run")
	assert.Subset(t, got, Selector("r-s", contract.RoleDestination, "listen"))
	assert.Equal(t, "true", got["sidecar.istio.io/inject"])
	assert.Equal(t, "batch", got["tier"])

	s.Pod.Labels["empty"] = ""
	got = Labels("r", "r-s", contract.RoleDestination, s, "")
	assert.NotContains(t, got, contract.LabelRun, "it is not known")
	assert.Contains(t, got, "empty", "the user's")
}
