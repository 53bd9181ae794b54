package runs

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	v1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/templates/remote"
)

func TestRunOf(t *testing.T) {
	r := pipelineRun("r", 0, corev1.ConditionUnknown)
	r.Labels[contract.LabelScheduled] = "true"
	tasks := []*v1.TaskRun{
		taskRun("cleanup", 20, condition(corev1.ConditionUnknown, "Pending", `pod status "PodScheduled":"False"; message: "0/1 nodes: \"a\" is full"`)),
		taskRun("push", 7,
			exited("push", contract.ExitRefused, "Error", said(t, "rsync push", contract.Outcome{
				Outcome: contract.ResultRefused, Reason: "promoted", Code: contract.RefusedPromoted,
			})),
			condition(corev1.ConditionFalse, "Failed", `"step-push" exited with code 78: Error`)),
		taskRun("snapshot", 1,
			exited("turn", 0, "Completed", said(t, "tekton turn", contract.Outcome{Outcome: contract.ResultNothing})),
			exited("snapshot", 0, "Completed", said(t, "snapshot create", contract.Outcome{Outcome: contract.ResultDone, Claim: "copy"})),
			condition(corev1.ConditionTrue, "Succeeded", "All Steps have completed executing")),
	}
	run := runOf(r, tasks, "")
	assert.Equal(t, "uid-r", run.ID)
	assert.Equal(t, contract.RoleDestination, run.Role)
	assert.True(t, run.Scheduled)
	assert.Equal(t, remote.Running, run.Phase)
	assert.Empty(t, run.Message)
	require.Len(t, run.Steps, 3, "in the order of their start")
	snapshot := run.Steps[0]
	require.NotNil(t, snapshot.Outcome)
	assert.Equal(t, "copy", snapshot.Outcome.Claim)
	snapshot.Outcome = nil
	assert.Equal(t, remote.Step{
		Name: "snapshot", Phase: remote.Succeeded, Attempts: 1, Started: second(4).Time, Finished: second(6).Time,
	}, snapshot, "from when its turn came")
	push := run.Steps[1]
	assert.Equal(t, contract.ExitRefused, push.Exit)
	assert.Equal(t, "promoted", push.Message)
	assert.Equal(t, contract.RefusedPromoted, push.Outcome.Code)
	assert.Equal(t, "push", run.FailedStep().Name)
	assert.Equal(t, `step cleanup: Unschedulable: 0/1 nodes: "a" is full`, run.Waiting())
}

func TestRunPhase(t *testing.T) {
	run := runOf(pipelineRun("r", 0, ""), nil, "")
	assert.Equal(t, remote.Pending, run.Phase)
	assert.Empty(t, run.Waiting())
	run = runOf(pipelineRun("r", 0, corev1.ConditionFalse), nil, "")
	assert.Equal(t, remote.Failed, run.Phase)
	assert.Equal(t, "m", run.Message)
	later := pipelineRun("r", 0, "")
	later.Spec.Status = v1.PipelineRunSpecStatusPending
	assert.Contains(t, runOf(later, nil, "").Waiting(), "its spec.status is PipelineRunPending")
}

// The step's container runs from the pod's start, but does nothing before its turn.
func TestStepThatWaitsForItsTurn(t *testing.T) {
	waits := taskRun("snapshot", 1, running("turn"), running("snapshot"), condition(corev1.ConditionUnknown, "Running", "Not all Steps"))
	run := runOf(pipelineRun("r", 0, corev1.ConditionUnknown), []*v1.TaskRun{waits}, "r0")
	assert.Equal(t, "step snapshot: waits for run r0, which is older, to end", run.Waiting())
	run = runOf(pipelineRun("r", 0, corev1.ConditionUnknown), []*v1.TaskRun{waits}, "")
	assert.Equal(t, remote.Pending, run.Steps[0].Phase)
	assert.Empty(t, run.Waiting(), "it is about to begin")
	works := taskRun("snapshot", 1, exited("turn", 0, "Completed", ""), running("snapshot"), condition(corev1.ConditionUnknown, "Running", ""))
	assert.Equal(t, remote.Running, stepOf(works, "r0").Phase)

	over := taskRun("snapshot", 1,
		exited("turn", 1, "Error", said(t, "tekton turn", contract.Outcome{Outcome: contract.ResultFailed, Reason: "run r0 is active"})),
		exited("snapshot", 1, "Error", ""), condition(corev1.ConditionFalse, "Failed", `"step-turn" exited with code 1: Error`))
	s := stepOf(over, "")
	assert.Equal(t, contract.ExitFailed, s.Exit)
	assert.Equal(t, "run r0 is active", s.Message)
}

func TestPending(t *testing.T) {
	for _, c := range []struct{ reason, message, want string }{
		{"Started", "", ""},
		{"Pending", "Pending", ""},
		{"Pending", `pod status "Initialized":"False"; message: "containers with incomplete status: [prepare]"`, ""},
		{"Pending", `pod status "PodScheduled":"False"; message: "no node"`, "Unschedulable: no node"},
		{"ExceededNodeResources", "TaskRun Pod exceeded available resources", "Unschedulable: no node has the resources that its pod asks for"},
		{"PullImageFailed", `build step "step-push" is pending with reason "Back-off pulling image \"x\""`, `Back-off pulling image "x"`},
		{"PullImageFailed", `pod status "Initialized":"False"; message: "m"`, `pod status "Initialized":"False"; message: "m"`},
		{"ExceededResourceQuota", "exceeded quota: q", "exceeded quota: q"},
	} {
		s := stepOf(taskRun("push", 1, condition(corev1.ConditionUnknown, c.reason, c.message)), "")
		assert.Equal(t, remote.Pending, s.Phase)
		assert.Equal(t, c.want, s.Message, c)
	}
}

// A pod that was lost is an attempt; one that Tekton starts although the step had
// given up is none.
func TestAttempts(t *testing.T) {
	evicted := func(t *v1.TaskRun) {
		exited("push", 143, "Error", "")(t)
		condition(corev1.ConditionFalse, "Failed", "The node was low on resource: memory")(t)
	}
	lost := taskRun("push", 1, evicted, retried)
	s := stepOf(lost, "")
	assert.Equal(t, remote.Running, s.Phase)
	assert.Equal(t, 1, s.Attempts)
	assert.Equal(t, "The node was low on resource: memory", s.Message, "said before the next attempt")
	assert.Equal(t, second(1).Time, s.Started)
	again(lost)
	running("push")(lost)
	condition(corev1.ConditionUnknown, "Running", "")(lost)
	s = stepOf(lost, "")
	assert.Equal(t, 2, s.Attempts)
	assert.Equal(t, second(1).Time, s.Started)
	assert.Empty(t, s.Message)

	refused := func(task *v1.TaskRun) {
		exited("push", contract.ExitRefused, "Error", said(t, "rsync push", contract.Outcome{Outcome: contract.ResultRefused, Reason: "promoted", Attempt: 3}))(task)
		condition(corev1.ConditionFalse, "Failed", "exited")(task)
	}
	// The container that waits for the run's turn may be the one that ends at once.
	echo := func(t *v1.TaskRun) {
		exited("turn", contract.ExitRefused, "Error", "")(t)
		exited("push", 1, "Error", "")(t)
		condition(corev1.ConditionFalse, "Failed", `"step-turn" exited with code 78: Error`)(t)
	}
	s = stepOf(taskRun("push", 1, refused, retried, again, echo), "")
	assert.Equal(t, remote.Failed, s.Phase)
	assert.Equal(t, 3, s.Attempts, "as the step counted them")
	assert.Equal(t, contract.ExitRefused, s.Exit)
	assert.Equal(t, "promoted", s.Message)
}

// Tekton gives the containers of a pod that it takes away an exit code of its own.
func TestStepThatTektonEnded(t *testing.T) {
	cut := taskRun("push", 1, exited("push", 1, "TaskRunTimeout", "Step push terminated as pod p is terminated"),
		condition(corev1.ConditionFalse, "TaskRunTimeout", `TaskRun "r-push" failed to finish within "1m0s"`))
	s := stepOf(cut, "")
	assert.Equal(t, -1, s.Exit)
	assert.Equal(t, 1, s.Attempts)
	assert.Equal(t, `TaskRun "r-push" failed to finish within "1m0s"`, s.Message)
	cut.Spec.StatusMessage = v1.TaskRunCancelledByPipelineTimeoutMsg
	assert.Equal(t, "TaskRun cancelled as the PipelineRun it belongs to has timed out.", stepOf(cut, "").Message)
}

// A step that died without a word has no outcome, though the container before it has
// left one in the pod's results. With another way of results there is no message.
func TestLastWord(t *testing.T) {
	died := taskRun("push", 1,
		exited("turn", 0, "Completed", said(t, "tekton turn", contract.Outcome{Outcome: contract.ResultNothing})),
		exited("push", 137, "OOMKilled", said(t, "tekton turn", contract.Outcome{Outcome: contract.ResultNothing})),
		condition(corev1.ConditionFalse, "Failed", `"step-push" exited with code 137: OOMKilled`))
	s := stepOf(died, "")
	assert.Nil(t, s.Outcome)
	assert.Equal(t, 137, s.Exit)
	assert.Equal(t, `"step-push" exited with code 137: OOMKilled`, s.Message)

	sidecar := taskRun("push", 1, exited("push", 0, "Completed", ""), condition(corev1.ConditionTrue, "Succeeded", ""))
	sidecar.Status.Results = []v1.TaskRunResult{{Name: "outcome", Value: *v1.NewStructuredValues(`{"step":"rsync push","outcome":"done","bytes":7}`)}}
	assert.Equal(t, int64(7), stepOf(sidecar, "").Outcome.Bytes)
}
