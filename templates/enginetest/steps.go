package enginetest

import (
	"path"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/steps/contract"
)

func stepNames[S any](steps []S, name func(S) string) []string {
	var names []string
	for _, s := range steps {
		names = append(names, name(s))
	}
	return names
}

func (c *conformance) everyStepOnce(t *testing.T) {
	assert.Len(t, c.pipelines, len(c.relationship().Pipelines), "pipelines that no plan asked for")
	want := func(s plan.Step) string { return s.Name }
	got := func(s Step) string { return s.Name }
	c.eachPipeline(t, func(t *testing.T, p *plan.Pipeline, view Pipeline) {
		assert.ElementsMatch(t, stepNames(p.Steps, want), stepNames(view.Steps, got))
		assert.ElementsMatch(t, stepNames(p.Finally, want), stepNames(view.Finally, got), "always run")
	})
}

func (c *conformance) order(t *testing.T) {
	c.eachStep(t, func(t *testing.T, want *plan.Step, got Step) {
		assert.ElementsMatch(t, want.Needs, got.Needs)
	})
}

// The step gets the arguments of its command, each as one argument.
func (c *conformance) arguments(t *testing.T) {
	c.eachStep(t, func(t *testing.T, want *plan.Step, got Step) {
		args, err := want.Args(func(v plan.Variable) (string, error) {
			switch v.Kind {
			case plan.VariableRun:
				return plan.Run, nil
			case plan.VariableOutput:
				return plan.Output(v.Step, v.Name), nil
			case plan.VariableFile:
				return got.Outputs[v.Name], nil
			case plan.VariableParam:
				return plan.ParamValue(v.Name), nil
			}
			m, _ := want.Mount(v.Name)
			return m.Path, nil
		})
		require.NoError(t, err)
		assert.Equal(t, want.Pod.Image, got.Container.Image)
		assert.Equal(t, []string{"/scribe/" + want.Command.Program()}, got.Container.Command)
		assert.Equal(t, args, got.Container.Args)
	})
}

func (c *conformance) outputs(t *testing.T) {
	c.eachStep(t, func(t *testing.T, want *plan.Step, got Step) {
		assert.Len(t, got.Outputs, len(want.Outputs))
		for _, o := range want.Outputs {
			assert.True(t, path.IsAbs(got.Outputs[o]), "%s: %q", o, got.Outputs[o])
		}
	})
}

func (c *conformance) parameters(t *testing.T) {
	c.eachPipeline(t, func(t *testing.T, p *plan.Pipeline, view Pipeline) {
		assert.Len(t, view.Params, len(p.Params))
		for _, v := range p.Params {
			assert.Equal(t, v.Default, view.Params[v.Name])
		}
	})
}

// mounts: what the plan names is at its path, and read-only claims are so at the
// claim.
func (c *conformance) mounts(t *testing.T) {
	c.eachStep(t, func(t *testing.T, want *plan.Step, got Step) {
		for _, m := range want.Mounts {
			mounted := slices.IndexFunc(got.Container.VolumeMounts, func(v corev1.VolumeMount) bool { return v.MountPath == m.Path })
			require.GreaterOrEqual(t, mounted, 0, "nothing at %s", m.Path)
			mount := got.Container.VolumeMounts[mounted]
			assert.Equal(t, m.ReadOnly, mount.ReadOnly, m.Name)
			assert.Empty(t, mount.SubPath, "a mount below a volume never sees a rotation")
			at := slices.IndexFunc(got.Volumes, func(v corev1.Volume) bool { return v.Name == mount.Name })
			require.GreaterOrEqual(t, at, 0, "no volume %s", mount.Name)
			volume := got.Volumes[at]
			switch m.Kind {
			case plan.MountClaim:
				require.NotNil(t, volume.PersistentVolumeClaim)
				assert.Equal(t, m.Source, volume.PersistentVolumeClaim.ClaimName)
				assert.Equal(t, m.ReadOnly, volume.PersistentVolumeClaim.ReadOnly, "at the claim")
			case plan.MountSecret:
				require.NotNil(t, volume.Secret)
				assert.Equal(t, m.Source, volume.Secret.SecretName)
				require.NotNil(t, volume.Secret.DefaultMode)
				assert.Zero(t, *volume.Secret.DefaultMode&0o337, "mode %#o", *volume.Secret.DefaultMode)
				assert.Equal(t, m.Optional, volume.Secret.Optional != nil && *volume.Secret.Optional, "optional")
			case plan.MountText:
				require.NotNil(t, volume.ConfigMap)
				assert.Equal(t, m.Source, volume.ConfigMap.Name)
			}
		}
	})
}

// onlyWhatIsMounted: a volume that nobody mounts is attached for nothing, a claim
// or Secret that the plan does not name is none of the step's business.
func (c *conformance) onlyWhatIsMounted(t *testing.T) {
	c.eachStep(t, func(t *testing.T, want *plan.Step, got Step) {
		volumes := 0
		for _, v := range got.Volumes {
			mounted := slices.ContainsFunc(got.Container.VolumeMounts, func(m corev1.VolumeMount) bool { return m.Name == v.Name })
			assert.True(t, mounted, "volume %s", v.Name)
			if v.EmptyDir == nil {
				volumes++
			}
		}
		assert.Equal(t, len(want.Mounts), volumes)
	})
}

func (c *conformance) secretsAreFiles(t *testing.T) {
	c.eachStep(t, func(t *testing.T, _ *plan.Step, got Step) {
		for _, e := range got.Container.Env {
			assert.True(t, e.ValueFrom == nil || e.ValueFrom.SecretKeyRef == nil, e.Name)
		}
		for _, e := range got.Container.EnvFrom {
			assert.Nil(t, e.SecretRef)
		}
	})
}

func (c *conformance) retry(t *testing.T) {
	c.eachStep(t, func(t *testing.T, want *plan.Step, got Step) {
		assert.Equal(t, want.Retry.Limit, got.Retries)
		assert.Equal(t, want.Retry.Backoff, got.Backoff)
		assert.Equal(t, want.Retry.MaxBackoff, got.MaxBackoff)
	})
}

func (c *conformance) noRetry(t *testing.T) {
	c.eachStep(t, func(t *testing.T, _ *plan.Step, got Step) {
		for _, code := range []int{contract.ExitFailed, contract.ExitUsage, contract.ExitRefused, 137, 143} {
			again, err := got.Retry(code)
			require.NoError(t, err)
			assert.Equal(t, !slices.Contains(contract.NoRetry[:], code), again, "exit code %d", code)
		}
	})
}

func (c *conformance) timeouts(t *testing.T) {
	c.eachPipeline(t, func(t *testing.T, p *plan.Pipeline, view Pipeline) {
		assert.Equal(t, p.Timeout, view.Timeout)
	})
	c.eachStep(t, func(t *testing.T, want *plan.Step, got Step) {
		assert.Equal(t, want.Timeout, got.Timeout)
	})
}

func (c *conformance) schedule(t *testing.T) {
	c.eachPipeline(t, func(t *testing.T, p *plan.Pipeline, view Pipeline) {
		if p.Schedule == nil {
			assert.Nil(t, view.Schedule)
			return
		}
		require.NotNil(t, view.Schedule)
		assert.Equal(t, Schedule(*p.Schedule), *view.Schedule)
	})
}

func (c *conformance) exclusive(t *testing.T) {
	c.eachPipeline(t, func(t *testing.T, p *plan.Pipeline, view Pipeline) {
		assert.Equal(t, p.Lock != "", view.Exclusive)
	})
}
