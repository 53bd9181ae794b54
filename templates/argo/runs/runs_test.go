package runs

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	"github.com/argoproj/argo-workflows/v3/pkg/client/clientset/versioned/fake"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	corefake "k8s.io/client-go/kubernetes/fake"
	kubetesting "k8s.io/client-go/testing"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/templates/remote"
)

const space = "wiki-dr"

var began = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)

func second(n int) metav1.Time { return metav1.NewTime(began.Add(time.Duration(n) * time.Second)) }

func template() *wfv1.WorkflowTemplate {
	limit := int64(3600)
	return &wfv1.WorkflowTemplate{
		ObjectMeta: metav1.ObjectMeta{Name: "scribe-wiki-dr-dst", Namespace: space},
		Spec: wfv1.WorkflowSpec{
			Entrypoint: "main", ActiveDeadlineSeconds: &limit,
			Arguments:        wfv1.Arguments{Parameters: []wfv1.Parameter{{Name: "rotate", Value: wfv1.AnyStringPtr("false")}}},
			WorkflowMetadata: &wfv1.WorkflowMetadata{Labels: map[string]string{contract.LabelRole: "destination", contract.LabelRelationship: "wiki-dr"}},
			Synchronization:  &wfv1.Synchronization{Mutexes: []*wfv1.Mutex{{Name: "scribe-wiki-dr-dst"}}},
			Templates:        []wfv1.Template{{Name: "main"}, {Name: "keys"}},
		},
	}
}

func TestSubmit(t *testing.T) {
	e := Of(fake.NewSimpleClientset(template()), corefake.NewClientset(), space)
	_, err := e.Submit(t.Context(), remote.Submission{Pipeline: "nothing"})
	assert.ErrorAs(t, err, new(*remote.NotAppliedError))
	_, err = e.Submit(t.Context(), remote.Submission{Pipeline: "scribe-wiki-dr-dst", Params: map[string]string{"at": "now"}})
	assert.ErrorContains(t, err, "WorkflowTemplate scribe-wiki-dr-dst has no parameter at")
	_, err = e.Submit(t.Context(), remote.Submission{Pipeline: "scribe-wiki-dr-dst", Labels: map[string]string{remote.LabelStartedBy: "me"}})
	require.NoError(t, err)
	list, err := e.workflows().List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	require.Len(t, list.Items, 1)
	w := list.Items[0]
	assert.Equal(t, "scribe-wiki-dr-dst-", w.GenerateName)
	assert.Equal(t, map[string]string{
		contract.LabelRole: "destination", contract.LabelRelationship: "wiki-dr",
		remote.LabelStartedBy: "me", labelTemplate: "scribe-wiki-dr-dst",
	}, w.Labels)
	assert.Equal(t, wfv1.WorkflowSpec{WorkflowTemplateRef: &wfv1.WorkflowTemplateRef{Name: "scribe-wiki-dr-dst"}}, w.Spec,
		"as a CronWorkflow's")
}

// A step alone does not wait for the pipeline's lock. What a submission sets wins
// over the template when the controller joins them.
func TestSubmissionOfOneStep(t *testing.T) {
	w, err := workflow(template(), remote.Submission{
		Pipeline: "scribe-wiki-dr-dst", Step: "keys", Params: map[string]string{"rotate": "true"}, Timeout: 90 * time.Second,
	})
	require.NoError(t, err)
	assert.Equal(t, "keys", w.Spec.Entrypoint)
	assert.Equal(t, int64(90), *w.Spec.ActiveDeadlineSeconds)
	require.Len(t, w.Spec.Arguments.Parameters, 1)
	assert.Equal(t, "true", w.Spec.Arguments.Parameters[0].Value.String())
	require.Len(t, w.Spec.Synchronization.Mutexes, 1)
	assert.Equal(t, "scribe-wiki-dr-dst-keys", w.Spec.Synchronization.Mutexes[0].Name)
	assert.Equal(t, "keys", runOf(w).Step)
}

func TestRunOf(t *testing.T) {
	code := "0"
	node := func(id string, kind wfv1.NodeType, template string, phase wfv1.NodePhase, start int) wfv1.NodeStatus {
		return wfv1.NodeStatus{ID: id, Name: id, Type: kind, TemplateName: template, Phase: phase, StartedAt: second(start), FinishedAt: second(start + 5)}
	}
	done := node("w.snapshot(0)", wfv1.NodeTypePod, "snapshot", wfv1.NodeSucceeded, 1)
	done.Outputs = &wfv1.Outputs{ExitCode: &code}
	first := node("w.push(0)", wfv1.NodeTypePod, "push", wfv1.NodeFailed, 7)
	first.Message = "main: Error (exit code 1): no route"
	last := node("w.push(1)", wfv1.NodeTypePod, "push", wfv1.NodeFailed, 8)
	last.Message = `main: Error (exit code 78): {"step":"rsync push","outcome":"refused","reason":"promoted","code":"promoted","durationSeconds":1}`
	waits := node("w.cleanup(0)", wfv1.NodeTypePod, "cleanup", wfv1.NodePending, 20)
	waits.Message = "Unschedulable: no node"
	nodes := wfv1.Nodes{}
	for _, n := range []wfv1.NodeStatus{
		node("w", wfv1.NodeTypeDAG, "main", wfv1.NodeFailed, 0),
		node("w.snapshot", wfv1.NodeTypeRetry, "snapshot", wfv1.NodeSucceeded, 1), done,
		node("w.push", wfv1.NodeTypeRetry, "push", wfv1.NodeFailed, 7), first, last,
		node("w.prune", wfv1.NodeTypeSkipped, "prune", wfv1.NodeOmitted, 9),
		node("w.cleanup", wfv1.NodeTypeRetry, "cleanup", wfv1.NodeRunning, 20), waits,
	} {
		nodes[n.ID] = n
	}
	run := runOf(&wfv1.Workflow{
		ObjectMeta: metav1.ObjectMeta{Name: "w", UID: "uid", Labels: map[string]string{contract.LabelRole: "source", labelCron: "c"}},
		Status:     wfv1.WorkflowStatus{Phase: wfv1.WorkflowRunning, Nodes: nodes},
	})
	assert.Equal(t, "uid", run.ID)
	assert.True(t, run.Scheduled)
	require.Len(t, run.Steps, 3)
	assert.Equal(t, remote.Step{
		Name: "snapshot", Phase: remote.Succeeded, Attempts: 1, Started: second(1).Time, Finished: second(6).Time,
	}, run.Steps[0])
	push := run.Steps[1]
	assert.Equal(t, 2, push.Attempts)
	assert.Equal(t, contract.ExitRefused, push.Exit)
	assert.Equal(t, "promoted", push.Message)
	assert.Equal(t, contract.RefusedPromoted, push.Outcome.Code)
	assert.Equal(t, remote.Pending, run.Steps[2].Phase, "a Retry node runs before its pod does")
	assert.Equal(t, "step cleanup: Unschedulable: no node", run.Waiting())
	assert.Equal(t, "push", run.FailedStep().Name)
}

func TestFollow(t *testing.T) {
	w := &wfv1.Workflow{ObjectMeta: metav1.ObjectMeta{Name: "w", Namespace: space, UID: "uid"}}
	client := fake.NewSimpleClientset(w, &wfv1.Workflow{ObjectMeta: metav1.ObjectMeta{Name: "other", Namespace: space}})
	var once sync.Once
	client.PrependWatchReactor("workflows", func(action kubetesting.Action) (bool, watch.Interface, error) {
		watched, err := client.Tracker().Watch(action.GetResource(), action.GetNamespace())
		go once.Do(func() {
			for _, phase := range []wfv1.WorkflowPhase{wfv1.WorkflowRunning, wfv1.WorkflowError} {
				next := w.DeepCopy()
				next.Status.Phase, next.Status.Message = phase, "m"
				_, err := client.ArgoprojV1alpha1().Workflows(space).Update(context.Background(), next, metav1.UpdateOptions{})
				assert.NoError(t, err)
			}
		})
		return true, watched, err
	})
	var phases []remote.Phase
	run, err := Of(client, corefake.NewClientset(), space).Follow(t.Context(), "w", nil, func(r remote.Run) { phases = append(phases, r.Phase) })
	require.NoError(t, err)
	assert.Equal(t, []remote.Phase{remote.Pending, remote.Running, remote.Failed}, phases)
	assert.Equal(t, "m", run.Message)
}

func TestListStopDeleteSchedule(t *testing.T) {
	labelled := map[string]string{contract.LabelRelationship: "wiki-dr"}
	client := fake.NewSimpleClientset(
		&wfv1.Workflow{ObjectMeta: metav1.ObjectMeta{Name: "old", Namespace: space, Labels: labelled, CreationTimestamp: second(1)}},
		&wfv1.Workflow{ObjectMeta: metav1.ObjectMeta{Name: "new", Namespace: space, Labels: labelled, CreationTimestamp: second(2)}},
		&wfv1.Workflow{ObjectMeta: metav1.ObjectMeta{Name: "other", Namespace: space, CreationTimestamp: second(3)}},
		&wfv1.CronWorkflow{ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: space}, Spec: wfv1.CronWorkflowSpec{Suspend: true},
			Status: wfv1.CronWorkflowStatus{Conditions: wfv1.Conditions{{Status: metav1.ConditionTrue, Message: "bad spec"}}}},
	)
	e := Of(client, corefake.NewClientset(), space)
	list, err := e.List(t.Context(), "wiki-dr")
	require.NoError(t, err)
	require.Len(t, list, 2)
	assert.Equal(t, "new", list[0].Name)
	require.NoError(t, e.Stop(t.Context(), "new"))
	require.NoError(t, e.Stop(t.Context(), "gone"))
	w, err := e.workflows().Get(t.Context(), "new", metav1.GetOptions{})
	require.NoError(t, err)
	assert.Equal(t, wfv1.ShutdownStrategyStop, w.Spec.Shutdown)
	require.NoError(t, e.Delete(t.Context(), "new"))
	require.NoError(t, e.Delete(t.Context(), "new"))
	schedule, err := e.Schedule(t.Context(), "p")
	require.NoError(t, err)
	assert.Equal(t, &remote.Schedule{Suspended: true, Problem: "bad spec"}, schedule)
	schedule, err = e.Schedule(t.Context(), "none")
	require.NoError(t, err)
	assert.Nil(t, schedule)
}

// Argo keeps a message of what failed only: what a step that succeeded said is in
// its pod.
func TestFollowReadsTheLastWordsOfPods(t *testing.T) {
	code := "0"
	w := &wfv1.Workflow{
		ObjectMeta: metav1.ObjectMeta{Name: "w", Namespace: space, UID: "uid"},
		Status: wfv1.WorkflowStatus{Phase: wfv1.WorkflowSucceeded, Nodes: wfv1.Nodes{"p": {
			Name: "p", Type: wfv1.NodeTypePod, TemplateName: "push", Phase: wfv1.NodeSucceeded,
			Outputs: &wfv1.Outputs{ExitCode: &code}, StartedAt: second(1), FinishedAt: second(2),
		}}},
	}
	pod := func(name, message string, created int) *corev1.Pod {
		return &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: space, CreationTimestamp: second(created), Labels: map[string]string{
				contract.LabelRun: "uid", "scribe.backube/step": "push",
			}},
			Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{
				{Name: "wait", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{}}},
				{Name: "main", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Message: message}}},
			}},
		}
	}
	core := corefake.NewClientset(
		pod("second", `{"step":"rsync push","outcome":"done","bytes":1024}`, 2),
		pod("first", `{"step":"rsync push","outcome":"failed"}`, 1),
	)
	run, err := Of(fake.NewSimpleClientset(w), core, space).Follow(t.Context(), "w", nil, func(remote.Run) {})
	require.NoError(t, err)
	require.Len(t, run.Steps, 1)
	require.NotNil(t, run.Steps[0].Outcome)

	// Without the right to watch pods the run is told all the same, and at once.
	core.PrependReactor("list", "pods", func(kubetesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "", errors.New("no"))
	})
	began := time.Now()
	run, err = Of(fake.NewSimpleClientset(w), core, space).Follow(t.Context(), "w", nil, func(remote.Run) {})
	require.NoError(t, err)
	assert.Equal(t, remote.Succeeded, run.Phase)
	assert.Less(t, time.Since(began), settleLimit)
}

// The newest pod of a step counts, whichever is seen first.
func TestOutcomesOfTheNewestPod(t *testing.T) {
	o := &outcomes{of: map[string]ended{}, change: make(chan struct{}), over: make(chan struct{})}
	for _, created := range []int{2, 1} {
		o.add(&corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{CreationTimestamp: second(created), Labels: map[string]string{"scribe.backube/step": "push"}},
			Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{State: corev1.ContainerState{
				Terminated: &corev1.ContainerStateTerminated{Message: fmt.Sprintf(`{"outcome":"done","bytes":%d}`, created)},
			}}}},
		})
	}
	run := o.fill(remote.Run{Steps: []remote.Step{{Name: "push", Phase: remote.Succeeded, Exit: -1}}})
	assert.Equal(t, int64(2), run.Steps[0].Outcome.Bytes)
	assert.Equal(t, 0, run.Steps[0].Exit)
}

// What Argo itself did has no last word, and nothing waits for one.
func TestStartsHaveNoOutcome(t *testing.T) {
	o := &outcomes{of: map[string]ended{}, change: make(chan struct{}), over: make(chan struct{})}
	run := remote.Run{Steps: []remote.Step{{Name: "start-near", Phase: remote.Succeeded, Exit: 0}}}
	assert.False(t, o.complete(run))
	o.add(&corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"scribe.backube/step": "start-near"}},
		Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{Name: "main", State: corev1.ContainerState{
			Terminated: &corev1.ContainerStateTerminated{Message: "applied"},
		}}}},
	})
	assert.True(t, o.complete(run))
	assert.Nil(t, o.fill(run).Steps[0].Outcome)
}
