package argo

import (
	"testing"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/steps/contract"
)

func names(params []wfv1.Parameter) (list []string) {
	for _, p := range params {
		list = append(list, p.Name)
	}
	return list
}

// All that a block takes from elsewhere are its inputs, wherever it is used.
func TestBlock(t *testing.T) {
	b, err := Block(contract.RoleDestination, &plan.Step{
		Name:     "copy",
		Command:  &contract.RsyncCopy{Common: contract.Common{Run: plan.Run}},
		Settings: []plan.Setting{{Flag: "relationship", Param: "relationship"}, {Flag: "claim", Param: "claim"}},
		Mounts:   []plan.Mount{{Name: "data", Kind: plan.MountClaim, Source: plan.ParamValue("claim"), Path: "/data"}},
		Account:  plan.ParamValue("account"), Pod: plan.Pod{Image: plan.ParamValue("image")},
	})
	require.NoError(t, err)
	assert.Equal(t, []string{"relationship", "claim", "image", "account", InputRun, InputDeadline}, names(b.Inputs.Parameters))
	assert.Equal(t, []string{
		"copy", "--run-id={{inputs.parameters.run-id}}",
		"--relationship={{inputs.parameters.relationship}}", "--claim={{inputs.parameters.claim}}",
	}, b.Container.Args)
	assert.Equal(t, "{{inputs.parameters.claim}}", b.Volumes[1].PersistentVolumeClaim.ClaimName)
	assert.Equal(t, "{{inputs.parameters.image}}", b.Container.Image)
	assert.Equal(t, "{{inputs.parameters.account}}", b.ServiceAccountName)
	assert.Equal(t, "{{inputs.parameters.run-id}}", b.Metadata.Labels[contract.LabelRun])
	assert.Equal(t, "{{inputs.parameters.deadline}}", b.Timeout)
	assert.Nil(t, b.ActiveDeadlineSeconds)
}

// Which step an output is of, only a pipeline knows.
func TestBlockOfOutputs(t *testing.T) {
	_, err := Block(contract.RoleSource, &plan.Step{Name: "push", Command: &contract.RsyncPush{RecoveryPoint: plan.Output("snapshot", "recovery-point")}})
	assert.ErrorContains(t, err, "recovery-point")
}
