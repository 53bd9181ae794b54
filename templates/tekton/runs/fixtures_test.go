package runs

import (
	"encoding/json"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	v1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	"github.com/tektoncd/pipeline/pkg/client/clientset/versioned/fake"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	corefake "k8s.io/client-go/kubernetes/fake"
	kubetesting "k8s.io/client-go/testing"
	"knative.dev/pkg/apis"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/templates/tekton"
)

const (
	space    = "wiki-dr"
	pipeline = "scribe-wiki-dr-dst"
)

var start = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)

func second(n int) metav1.Time { return metav1.NewTime(start.Add(time.Duration(n) * time.Second)) }

const skeleton = `apiVersion: tekton.dev/v1
kind: PipelineRun
metadata:
  generateName: scribe-wiki-dr-dst-
  namespace: wiki-dr
  labels:
    scribe.backube/relationship: wiki-dr
    scribe.backube/role: destination
    tekton.dev/pipeline: scribe-wiki-dr-dst
spec:
  pipelineRef:
    name: scribe-wiki-dr-dst
  timeouts: {pipeline: 2h0m0s, tasks: 1h50m0s, finally: 10m0s}
  taskRunSpecs:
  - {pipelineTaskName: keys, serviceAccountName: scribe-wiki-dr-keys}
  - {pipelineTaskName: listen, serviceAccountName: scribe-wiki-dr-listen}
`

// applied are the objects of a bundle that a run is made of.
func applied(text string) ([]runtime.Object, runtime.Object) {
	p := &v1.Pipeline{
		ObjectMeta: metav1.ObjectMeta{Name: pipeline, Namespace: space},
		Spec: v1.PipelineSpec{
			Params: v1.ParamSpecs{{Name: "rotate", Type: v1.ParamTypeString, Default: v1.NewStructuredValues("false")}},
			Tasks: []v1.PipelineTask{
				{Name: "keys", TaskRef: &v1.TaskRef{Name: pipeline + "-keys"}, Params: v1.Params{
					{Name: "rotate", Value: *v1.NewStructuredValues("$(params.rotate)")},
					{Name: "pipeline", Value: *v1.NewStructuredValues(pipeline)},
				}},
				{Name: "listen", TaskRef: &v1.TaskRef{Name: pipeline + "-listen"}, RunAfter: []string{"keys"}},
			},
			Finally: []v1.PipelineTask{{Name: "cleanup", TaskRef: &v1.TaskRef{Name: pipeline + "-cleanup"}}},
		},
	}
	cm := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: pipeline + "-run", Namespace: space},
		Data:       map[string]string{"run.yaml": text},
	}
	return []runtime.Object{p}, cm
}

// engine has the objects of Tekton, and those of Kubernetes itself.
func engine(t *testing.T, tekton []runtime.Object, core ...runtime.Object) (*Engine, *fake.Clientset) {
	t.Helper()
	client := fake.NewSimpleClientset()
	// The API server makes a name of generateName.
	created := 0
	client.PrependReactor("create", "pipelineruns", func(action kubetesting.Action) (bool, runtime.Object, error) {
		r := action.(kubetesting.CreateAction).GetObject().(*v1.PipelineRun)
		created++
		r.Name = r.GenerateName + strconv.Itoa(created)
		return false, nil, nil
	})
	for _, o := range tekton {
		require.NoError(t, client.Tracker().Add(o))
	}
	return Of(client, corefake.NewClientset(core...), space), client
}

func pipelineRun(name string, created int, status corev1.ConditionStatus) *v1.PipelineRun {
	r := &v1.PipelineRun{ObjectMeta: metav1.ObjectMeta{
		Name: name, Namespace: space, UID: types.UID("uid-" + name), CreationTimestamp: second(created),
		Labels: map[string]string{tekton.LabelPipeline: pipeline, contract.LabelRelationship: "wiki-dr", contract.LabelRole: "destination"},
	}}
	if status != "" {
		started := second(created)
		r.Status.StartTime = &started
		r.Status.SetCondition(&apis.Condition{Type: apis.ConditionSucceeded, Status: status, Message: "m"})
	}
	return r
}

// taskRun is that of a step of run r, with what changes it.
func taskRun(step string, created int, change ...func(*v1.TaskRun)) *v1.TaskRun {
	started := second(created)
	t := &v1.TaskRun{ObjectMeta: metav1.ObjectMeta{
		Name: "r-" + step, Namespace: space, CreationTimestamp: started, Labels: map[string]string{
			labelPipelineRun: "r", labelPipelineTask: step, contract.LabelRelationship: "wiki-dr",
		},
	}}
	t.Status.StartTime, t.Status.PodName = &started, "r-"+step+"-pod"
	for _, c := range change {
		c(t)
	}
	return t
}

func condition(status corev1.ConditionStatus, reason, message string) func(*v1.TaskRun) {
	return func(t *v1.TaskRun) {
		t.Status.SetCondition(&apis.Condition{Type: apis.ConditionSucceeded, Status: status, Reason: reason, Message: message})
		if status != corev1.ConditionUnknown {
			done := metav1.NewTime(t.Status.StartTime.Add(5 * time.Second))
			t.Status.CompletionTime = &done
		}
	}
}

func running(container string) func(*v1.TaskRun) {
	return func(t *v1.TaskRun) {
		t.Status.Steps = append(t.Status.Steps, v1.StepState{Name: container, ContainerState: corev1.ContainerState{
			Running: &corev1.ContainerStateRunning{StartedAt: *t.Status.StartTime},
		}})
	}
}

func exited(container string, code int32, reason, message string) func(*v1.TaskRun) {
	return func(t *v1.TaskRun) {
		t.Status.Steps = append(t.Status.Steps, v1.StepState{Name: container, ContainerState: corev1.ContainerState{
			Terminated: &corev1.ContainerStateTerminated{
				ExitCode: code, Reason: reason, Message: message, StartedAt: *t.Status.StartTime,
				FinishedAt: metav1.NewTime(t.Status.StartTime.Add(3 * time.Second)),
			},
		}})
	}
}

// retried is what Tekton does with a TaskRun that failed.
func retried(t *v1.TaskRun) {
	old := t.Status
	t.Status = v1.TaskRunStatus{}
	t.Status.RetriesStatus = append(old.RetriesStatus, old)
	t.Status.RetriesStatus[len(t.Status.RetriesStatus)-1].RetriesStatus = nil
	t.Status.SetCondition(&apis.Condition{
		Type: apis.ConditionSucceeded, Status: corev1.ConditionUnknown, Reason: v1.TaskRunReasonToBeRetried.String(),
		Message: old.GetCondition(apis.ConditionSucceeded).Message,
	})
}

func again(t *v1.TaskRun) {
	started := second(30)
	t.Status.StartTime, t.Status.PodName = &started, t.Name+"-pod-retry1"
}

// said is the termination message of a step, as Tekton leaves it.
func said(t *testing.T, step string, o contract.Outcome) string {
	t.Helper()
	o.Step = step
	text, err := json.Marshal([]map[string]any{{"key": "outcome", "value": string(o.Encode()), "type": 1}})
	require.NoError(t, err)
	return string(text)
}
