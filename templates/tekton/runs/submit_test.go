package runs

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	v1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/templates/remote"
	"github.com/backube/scribe-gen/templates/tekton"
)

func TestSubmit(t *testing.T) {
	objects, cm := applied(skeleton)
	e, _ := engine(t, objects, cm)
	_, err := e.Submit(t.Context(), remote.Submission{Pipeline: "nothing"})
	assert.ErrorAs(t, err, new(*remote.NotAppliedError))
	_, err = e.Submit(t.Context(), remote.Submission{Pipeline: pipeline, Params: map[string]string{"at": "now"}})
	assert.EqualError(t, err, "pipeline scribe-wiki-dr-dst has no parameter at: it is of another version; apply the bundle again")
	run, err := e.Submit(t.Context(), remote.Submission{
		Pipeline: pipeline, Labels: map[string]string{remote.LabelStartedBy: "me"}, Params: map[string]string{"rotate": "true"},
	})
	require.NoError(t, err)
	assert.Equal(t, remote.Pending, run.Phase)
	list, err := e.pipelineRuns().List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	require.Len(t, list.Items, 1)
	r := list.Items[0]
	assert.Equal(t, pipeline+"-", r.GenerateName)
	assert.Equal(t, map[string]string{
		contract.LabelRole: "destination", contract.LabelRelationship: "wiki-dr",
		remote.LabelStartedBy: "me", tekton.LabelPipeline: pipeline,
	}, r.Labels)
	assert.Equal(t, pipeline, r.Spec.PipelineRef.Name)
	assert.Equal(t, v1.Params{{Name: "rotate", Value: *v1.NewStructuredValues("true")}}, r.Spec.Params)
	assert.Equal(t, 110*time.Minute, r.Spec.Timeouts.Tasks.Duration, "as the skeleton says")
	assert.Len(t, r.Spec.TaskRunSpecs, 2)
}

// What must run finally keeps its time, whatever the rest may take.
func TestSubmissionWithATimeout(t *testing.T) {
	limits := within(&v1.TimeoutFields{
		Pipeline: &metav1.Duration{Duration: 2 * time.Hour}, Tasks: &metav1.Duration{Duration: 110 * time.Minute},
		Finally: &metav1.Duration{Duration: 10 * time.Minute},
	}, 90*time.Second)
	assert.Equal(t, 90*time.Second, limits.Tasks.Duration)
	assert.Equal(t, 10*time.Minute, limits.Finally.Duration)
	assert.Equal(t, 11*time.Minute+30*time.Second, limits.Pipeline.Duration)
	assert.Equal(t, time.Minute, within(nil, time.Minute).Pipeline.Duration)
}

// A step alone waits for no run of the pipeline, and none waits for it.
func TestSubmissionOfOneStep(t *testing.T) {
	objects, cm := applied(skeleton)
	e, _ := engine(t, objects, cm)
	_, err := e.Submit(t.Context(), remote.Submission{Pipeline: pipeline, Step: "push"})
	assert.ErrorContains(t, err, "pipeline scribe-wiki-dr-dst has no step push, but keys, listen, cleanup")
	run, err := e.Submit(t.Context(), remote.Submission{Pipeline: pipeline, Step: "listen"})
	require.NoError(t, err)
	assert.Equal(t, "listen", run.Step)
	run, err = e.Submit(t.Context(), remote.Submission{Pipeline: pipeline, Step: "keys", Params: map[string]string{"rotate": "true"}})
	require.NoError(t, err)
	assert.Equal(t, "keys", run.Step)
	r, err := e.pipelineRuns().Get(t.Context(), run.Name, metav1.GetOptions{})
	require.NoError(t, err)
	assert.NotContains(t, r.Labels, tekton.LabelPipeline)
	assert.Nil(t, r.Spec.PipelineRef)
	require.Len(t, r.Spec.PipelineSpec.Tasks, 1)
	assert.Equal(t, v1.Params{
		{Name: "rotate", Value: *v1.NewStructuredValues("$(params.rotate)")},
		{Name: "pipeline", Value: *v1.NewStructuredValues("")},
	}, r.Spec.PipelineSpec.Tasks[0].Params)
	assert.Equal(t, []v1.PipelineTaskRunSpec{{PipelineTaskName: "keys", ServiceAccountName: "scribe-wiki-dr-keys"}}, r.Spec.TaskRunSpecs)
	assert.Equal(t, v1.Params{{Name: "rotate", Value: *v1.NewStructuredValues("true")}}, r.Spec.Params)
}

func TestSkeletonThatIsNone(t *testing.T) {
	for text, want := range map[string]string{
		"kind: [":               "ConfigMap scribe-wiki-dr-dst-run: key run.yaml is no PipelineRun to be created; apply the bundle again: ",
		"kind: Nothing":         `it is of kind "Nothing" with generateName ""`,
		"spec: {wrkspaces: []}": `unknown field "wrkspaces"`,
	} {
		objects, cm := applied(text)
		e, _ := engine(t, objects, cm)
		_, err := e.Submit(t.Context(), remote.Submission{Pipeline: pipeline})
		assert.ErrorContains(t, err, want)
	}
	objects, _ := applied("")
	e, _ := engine(t, objects)
	_, err := e.Submit(t.Context(), remote.Submission{Pipeline: pipeline})
	assert.ErrorAs(t, err, new(*remote.NotAppliedError))
}
