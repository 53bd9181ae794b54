package tekton

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/templates/internal/podspec"
)

// All that a block takes from elsewhere are its params, and it stands alone: without
// a turn to wait for, and with a run ID when nobody gives one.
func TestBlock(t *testing.T) {
	s := &plan.Step{
		Name:     "copy",
		Command:  &contract.RsyncCopy{Common: contract.Common{Run: plan.Run}},
		Settings: []plan.Setting{{Flag: "claim", Param: "claim"}},
		Mounts:   []plan.Mount{{Name: "data", Kind: plan.MountClaim, Source: plan.ParamValue("claim"), Path: "/data"}},
		Pod:      plan.Pod{Image: plan.ParamValue("image"), Owner: true},
	}
	b, err := Block("scribe-copy", contract.RoleSource, s)
	require.NoError(t, err)
	defaults := map[string]string{}
	for _, p := range b.Spec.Params {
		if defaults[p.Name] = ""; p.Default != nil {
			defaults[p.Name] = p.Default.StringVal
		}
	}
	assert.Equal(t, map[string]string{ParamRun: "$(context.taskRun.uid)", "claim": "", "image": ""}, defaults)
	require.Len(t, b.Spec.Steps, 1)
	assert.Equal(t, "$(params.image)", b.Spec.Steps[0].Image)
	assert.Equal(t, "$(params.claim)", b.Spec.Volumes[1].PersistentVolumeClaim.ClaimName)
	assert.Equal(t, "copy", b.Labels[podspec.LabelStep])
	assert.NotContains(t, b.Labels, contract.LabelRelationship)

	// Root is said in the container and not for the pod.
	pod, err := BlockPod(s)
	require.NoError(t, err)
	assert.Nil(t, pod.SecurityContext.RunAsUser)
	assert.Zero(t, *b.Spec.Steps[0].SecurityContext.RunAsUser)
}

func TestRights(t *testing.T) {
	rule := func(resource string) plan.Rule { return plan.Rule{Resources: []string{resource}} }
	rights := Rights(plan.Account{Rules: []plan.Rule{rule("a")}, Lingering: []plan.Rule{rule("b")}})
	assert.Equal(t, []plan.Rule{earlierPods, rule("b"), rule("a")}, rights)
}
