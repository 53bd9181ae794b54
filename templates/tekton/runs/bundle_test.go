package runs

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	v1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"knative.dev/pkg/apis"

	"github.com/backube/scribe-gen/generator"
	"github.com/backube/scribe-gen/generator/manifest"
	"github.com/backube/scribe-gen/generator/spec"
	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/templates/remote"
	"github.com/backube/scribe-gen/templates/tekton"
)

const replication = `apiVersion: scribe.backube/v1alpha1
kind: Replication
metadata: {name: wiki}
spec:
  sites:
    near: {namespace: wiki, engine: tekton}
    far: {namespace: wiki-dr, engine: tekton}
  source: {site: near, persistentVolumeClaim: data}
  destinations: [{site: far, persistentVolumeClaim: data, capacity: 1Gi}]
  rsync: {}
`

// Every pipeline of a bundle, and every step of it alone, becomes a PipelineRun that
// Tekton accepts.
func TestSubmitOfABundle(t *testing.T) {
	parsed, problems := spec.Parse("spec.yaml", []byte(replication))
	require.Empty(t, problems)
	bundles, err := generator.Compile(parsed[0], tekton.Engine{})
	require.NoError(t, err)
	submitted := 0
	for _, b := range bundles {
		pipelines, core := parts(b)
		for _, p := range pipelines {
			name := p.(*v1.Pipeline).Name
			tasks := append(p.(*v1.Pipeline).Spec.Tasks, p.(*v1.Pipeline).Spec.Finally...)
			for _, task := range append(tasks, v1.PipelineTask{}) {
				e, _ := engine(t, pipelines, core...)
				e.space = p.(*v1.Pipeline).Namespace
				run, err := e.Submit(t.Context(), remote.Submission{Pipeline: name, Step: task.Name, Timeout: time.Minute})
				if task.Name == "push" {
					assert.ErrorContains(t, err, "cannot run alone: it takes what step snapshot gives out")
					continue
				}
				require.NoError(t, err)
				assert.Equal(t, task.Name, run.Step)
				r, err := e.pipelineRuns().Get(t.Context(), run.Name, metav1.GetOptions{})
				require.NoError(t, err)
				accepted(t, r)
				submitted++
			}
		}
	}
	assert.Equal(t, 3+6, submitted, "three pipelines, and their steps but for push")
}

// parts are the objects that a run is made of.
func parts(b manifest.Bundle) (pipelines, core []runtime.Object) {
	for _, o := range b.Objects {
		switch o := o.(type) {
		case *v1.Pipeline:
			pipelines = append(pipelines, o)
		case *corev1.ConfigMap:
			core = append(core, o)
		}
	}
	return pipelines, core
}

func accepted(t *testing.T, r *v1.PipelineRun) {
	t.Helper()
	assert.NotEmpty(t, r.Labels[contract.LabelRole])
	for _, s := range r.Spec.TaskRunSpecs {
		assert.NotEmpty(t, s.ServiceAccountName)
	}
	if alone := r.Spec.PipelineSpec; alone != nil {
		require.Len(t, alone.Tasks, 1)
		assert.Len(t, r.Spec.TaskRunSpecs, 1)
		for _, p := range alone.Tasks[0].Params {
			if p.Name == tekton.ParamPipeline {
				assert.Empty(t, p.Value.StringVal, "it would wait for the runs of the pipeline")
			}
		}
	}
	ctx := apis.WithinCreate(t.Context())
	r.SetDefaults(ctx)
	if problem := r.Validate(ctx); problem != nil {
		assert.NoError(t, problem)
	}
}
