package runs

import (
	"slices"
	"strings"
	"time"

	v1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	corev1 "k8s.io/api/core/v1"
	"knative.dev/pkg/apis"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/templates/remote"
	"github.com/backube/scribe-gen/templates/tekton"
)

// readEnd reads how a step ended, or its attempt so far: message, exit code and
// outcome of the last pod that counts. One that had no pod has a message only.
func readEnd(s *remote.Step, t *v1.TaskRun, attempts []v1.TaskRunStatus) {
	status := &t.Status
	if len(attempts) > 0 {
		status = &attempts[len(attempts)-1]
	}
	s.Message = status.GetCondition(apis.ConditionSucceeded).GetMessage()
	if turn := ended(status, tekton.TurnStep); turn != nil && turn.ExitCode != 0 {
		s.Exit, s.Outcome = int(turn.ExitCode), contract.ParseOutcome(turn.Message)
	} else if own := ended(status, s.Name); own != nil {
		s.Exit, s.Outcome = int(own.ExitCode), lastWord(own, status.Results)
	}
	switch {
	case s.Outcome != nil:
		s.Message = s.Outcome.Reason
		s.Attempts = max(s.Attempts, s.Outcome.Attempt) // a step makes several in one pod
	case t.Spec.StatusMessage != "":
		s.Message = string(t.Spec.StatusMessage) // why the run ended it
	}
}

// ended returns how a container ended; nil when it did not, or when Tekton took it
// away and only says so, with an exit code of its own.
func ended(status *v1.TaskRunStatus, name string) *corev1.ContainerStateTerminated {
	state := container(status, name)
	if state == nil || state.Terminated == nil {
		return nil
	}
	if state.Terminated.Reason == status.GetCondition(apis.ConditionSucceeded).GetReason() {
		return nil
	}
	return state.Terminated
}

// lastWord is the outcome of a step: in its container's termination message, or,
// where results travel another way, in the TaskRun's results. Containers of a pod
// share the results' files: what the one before it wrote there is not its own.
func lastWord(own *corev1.ContainerStateTerminated, results []v1.TaskRunResult) *contract.Outcome {
	messages := []string{own.Message}
	for _, r := range results {
		if r.Name == contract.OutcomeResult {
			messages = append(messages, r.Value.StringVal)
		}
	}
	for _, message := range messages {
		outcome := contract.ParseOutcome(message)
		if outcome != nil && !strings.HasPrefix(outcome.Step, contract.ProgramTekton+" ") {
			return outcome
		}
	}
	return nil
}

// givenUp are the exit codes with which a step says that it does not try again.
var givenUp = []int32{contract.ExitFailed, contract.ExitUsage, contract.ExitRefused}

// attempts are the pods in which the step worked. A step makes its attempts in one
// pod, and Tekton starts others when that is lost. It also starts them when the step
// has given up: those end at once and do not count.
func attempts(t *v1.TaskRun, step string) []v1.TaskRunStatus {
	pods := slices.Clone([]v1.TaskRunStatus(t.Status.RetriesStatus))
	if t.Status.PodName != "" {
		pods = append(pods, t.Status)
	}
	for i := range pods {
		if own := ended(&pods[i], step); own != nil && slices.Contains(givenUp, own.ExitCode) {
			return pods[:i+1]
		}
	}
	return pods
}

// began is when the step's first pod was asked for, or when its turn came.
func began(t *v1.TaskRun) time.Time {
	first := &t.Status
	if len(t.Status.RetriesStatus) > 0 {
		first = &t.Status.RetriesStatus[0]
	}
	if turn := ended(first, tekton.TurnStep); turn != nil && turn.ExitCode == 0 {
		return turn.FinishedAt.Time
	}
	if first.StartTime != nil {
		return first.StartTime.Time
	}
	return t.CreationTimestamp.Time
}
