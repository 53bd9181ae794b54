package runs

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	v1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	"github.com/tektoncd/pipeline/pkg/client/clientset/versioned/fake"
	batchv1 "k8s.io/api/batch/v1"
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

// whenWatched calls do once both kinds are watched. What changes between the list
// and the watch of an informer is lost with fake clients. With deaf nothing is heard
// of TaskRuns.
func whenWatched(client *fake.Clientset, deaf bool, do func()) {
	var watched sync.WaitGroup
	watched.Add(2)
	var once sync.Once
	for _, kind := range []string{"pipelineruns", "taskruns"} {
		client.PrependWatchReactor(kind, func(action kubetesting.Action) (bool, watch.Interface, error) {
			w, err := client.Tracker().Watch(action.GetResource(), action.GetNamespace())
			if deaf && kind == "taskruns" {
				w = watch.NewFake()
			}
			watched.Done()
			go once.Do(func() { watched.Wait(); do() })
			return true, w, err
		})
	}
}

func TestFollow(t *testing.T) {
	r := pipelineRun("r", 2, "")
	_, client := engine(t, []runtime.Object{
		r, pipelineRun("r0", 1, corev1.ConditionUnknown), pipelineRun("r9", 3, corev1.ConditionUnknown),
		pipelineRun("before", 0, corev1.ConditionTrue),
	})
	tasks, all := client.TektonV1().TaskRuns(space), client.TektonV1().PipelineRuns(space)
	told := make(chan remote.Run, 10)
	whenWatched(client, false, func() {
		ctx := context.Background()
		began := pipelineRun("r", 2, corev1.ConditionUnknown)
		_, err := all.Update(ctx, began, metav1.UpdateOptions{})
		assert.NoError(t, err)
		_, err = tasks.Create(ctx, taskRun("keys", 3, running("turn"), running("keys"), condition(corev1.ConditionUnknown, "Running", "")), metav1.CreateOptions{})
		assert.NoError(t, err)
		for run := range told {
			if run.Waiting() != "" {
				break
			}
		}
		_, err = tasks.Update(ctx, taskRun("keys", 3, exited("turn", 0, "Completed", ""), exited("keys", 0, "Completed", ""),
			condition(corev1.ConditionTrue, "Succeeded", "")), metav1.UpdateOptions{})
		assert.NoError(t, err)
		_, err = all.Update(ctx, pipelineRun("r", 2, corev1.ConditionTrue), metav1.UpdateOptions{})
		assert.NoError(t, err)
	})
	var waits []string
	run, err := Of(client, corefake.NewClientset(), space).Follow(t.Context(), "r", nil, func(r remote.Run) {
		if text := r.Waiting(); text != "" {
			waits = append(waits, text)
		}
		select {
		case told <- r:
		default:
		}
	})
	require.NoError(t, err)
	assert.Equal(t, remote.Succeeded, run.Phase)
	require.Len(t, run.Steps, 1)
	assert.Equal(t, remote.Succeeded, run.Steps[0].Phase)
	assert.Contains(t, waits, "step keys: waits for run r0, which is older, to end")
}

// The steps of a run that has ended are read afresh: their watch may lag behind.
func TestFollowMissesNoEnd(t *testing.T) {
	_, client := engine(t, []runtime.Object{pipelineRun("r", 2, corev1.ConditionUnknown)})
	whenWatched(client, true, func() {
		ctx := context.Background()
		_, err := client.TektonV1().TaskRuns(space).Create(ctx, taskRun("keys", 3, exited("keys", 0, "Completed", ""),
			condition(corev1.ConditionTrue, "Succeeded", "")), metav1.CreateOptions{})
		assert.NoError(t, err)
		_, err = client.TektonV1().PipelineRuns(space).Update(ctx, pipelineRun("r", 2, corev1.ConditionTrue), metav1.UpdateOptions{})
		assert.NoError(t, err)
	})
	run, err := Of(client, corefake.NewClientset(), space).Follow(t.Context(), "r", nil, func(remote.Run) {})
	require.NoError(t, err)
	require.Len(t, run.Steps, 1)
	assert.Equal(t, remote.Succeeded, run.Steps[0].Phase)
}

func TestFollowARunThatIsDeleted(t *testing.T) {
	_, client := engine(t, []runtime.Object{pipelineRun("r", 2, corev1.ConditionUnknown)})
	whenWatched(client, false, func() {
		assert.NoError(t, client.TektonV1().PipelineRuns(space).Delete(context.Background(), "r", metav1.DeleteOptions{}))
	})
	run, err := Of(client, corefake.NewClientset(), space).Follow(t.Context(), "r", nil, func(remote.Run) {})
	assert.Equal(t, &remote.DeletedError{Run: "r"}, err)
	assert.Equal(t, "r", run.Name)
}

// Without the right to watch TaskRuns nothing can be told of steps: that ends it.
func TestFollowWithoutRights(t *testing.T) {
	e, client := engine(t, []runtime.Object{pipelineRun("r", 2, corev1.ConditionUnknown)})
	client.PrependReactor("list", "taskruns", func(kubetesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(schema.GroupResource{Resource: "taskruns"}, "", errors.New("no"))
	})
	_, err := e.Follow(t.Context(), "r", nil, func(remote.Run) {})
	assert.True(t, apierrors.IsForbidden(err), "%v", err)
}

func TestFollowEndsWithItsContext(t *testing.T) {
	e, _ := engine(t, []runtime.Object{pipelineRun("r", 2, corev1.ConditionUnknown)})
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	run, err := e.Follow(ctx, "r", nil, func(remote.Run) { cancel(why) })
	assert.ErrorIs(t, err, why)
	assert.Equal(t, remote.Running, run.Phase)
}

func TestList(t *testing.T) {
	foreign := pipelineRun("other", 9, "")
	foreign.Labels[contract.LabelRelationship] = "another"
	waits := taskRun("keys", 3, running("turn"), condition(corev1.ConditionUnknown, "Running", ""))
	e, _ := engine(t, []runtime.Object{
		pipelineRun("old", 1, corev1.ConditionUnknown), pipelineRun("r", 2, corev1.ConditionUnknown), foreign, waits,
	})
	list, err := e.List(t.Context(), "wiki-dr")
	require.NoError(t, err)
	require.Len(t, list, 2)
	assert.Equal(t, "r", list[0].Name)
	assert.Equal(t, "step keys: waits for run old, which is older, to end", list[0].Waiting())
	assert.Empty(t, list[1].Steps)
}

func TestStopAndDelete(t *testing.T) {
	cancelled := pipelineRun("cancelled", 3, corev1.ConditionUnknown)
	cancelled.Spec.Status = v1.PipelineRunSpecStatusCancelled
	e, client := engine(t, []runtime.Object{
		pipelineRun("running", 1, corev1.ConditionUnknown), pipelineRun("done", 2, corev1.ConditionTrue), cancelled,
	})
	status := func(name string) v1.PipelineRunSpecStatus {
		r, err := e.pipelineRuns().Get(t.Context(), name, metav1.GetOptions{})
		require.NoError(t, err)
		return r.Spec.Status
	}
	for _, name := range []string{"running", "running", "done", "cancelled", "gone"} {
		require.NoError(t, e.Stop(t.Context(), name), name)
	}
	assert.EqualValues(t, v1.PipelineRunSpecStatusCancelledRunFinally, status("running"))
	assert.Empty(t, status("done"))
	assert.EqualValues(t, v1.PipelineRunSpecStatusCancelled, status("cancelled"))

	// The webhook refuses to change one that ends between two requests.
	require.NoError(t, client.Tracker().Add(pipelineRun("ends", 4, corev1.ConditionUnknown)))
	client.PrependReactor("patch", "pipelineruns", func(kubetesting.Action) (bool, runtime.Object, error) {
		err := client.Tracker().Update(v1.SchemeGroupVersion.WithResource("pipelineruns"), pipelineRun("ends", 4, corev1.ConditionTrue), space)
		assert.NoError(t, err)
		return true, nil, apierrors.NewBadRequest("Once the PipelineRun is complete, no updates are allowed")
	})
	require.NoError(t, e.Stop(t.Context(), "ends"))

	require.NoError(t, e.Delete(t.Context(), "done"))
	require.NoError(t, e.Delete(t.Context(), "done"))
}

func TestSchedule(t *testing.T) {
	last, before, suspend, controller := second(60), second(0), true, true
	cron := &batchv1.CronJob{ObjectMeta: metav1.ObjectMeta{Name: pipeline, Namespace: space, UID: "c"}}
	job := func(name string, created int, failed corev1.ConditionStatus) *batchv1.Job {
		return &batchv1.Job{
			ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: space, CreationTimestamp: second(created), OwnerReferences: []metav1.OwnerReference{
				{UID: "c", Controller: &controller},
			}},
			Status: batchv1.JobStatus{Conditions: []batchv1.JobCondition{{Type: batchv1.JobFailed, Status: failed, Message: "backoff limit"}}},
		}
	}
	read := func(objects ...runtime.Object) *remote.Schedule {
		e, _ := engine(t, nil, objects...)
		s, err := e.Schedule(t.Context(), pipeline)
		require.NoError(t, err)
		return s
	}
	assert.Nil(t, read())
	assert.Equal(t, &remote.Schedule{}, read(cron))
	cron.Spec.Suspend = &suspend
	cron.Status.LastScheduleTime, cron.Status.LastSuccessfulTime = &last, &before
	assert.Equal(t, &remote.Schedule{Suspended: true, Last: last.Time}, read(cron))
	assert.Equal(t, "Job new could not start a run: backoff limit; its pod's log says why",
		read(cron, job("old", 0, corev1.ConditionFalse), job("new", 60, corev1.ConditionTrue)).Problem)
	assert.Empty(t, read(cron, job("old", 0, corev1.ConditionTrue), job("new", 60, corev1.ConditionFalse)).Problem, "it is over")
	now := metav1.NewTime(last.Add(time.Second))
	cron.Status.LastSuccessfulTime = &now
	assert.Empty(t, read(cron, job("new", 60, corev1.ConditionTrue)).Problem)
}
