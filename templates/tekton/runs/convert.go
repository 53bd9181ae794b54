package runs

import (
	"cmp"
	"slices"
	"strings"

	v1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	"knative.dev/pkg/apis"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/templates/internal/podspec"
	"github.com/backube/scribe-gen/templates/remote"
	"github.com/backube/scribe-gen/templates/tekton"
)

// runOf is a PipelineRun with its TaskRuns in the terms of no engine. ahead is the
// older run that it waits for; empty for none.
func runOf(r *v1.PipelineRun, tasks []*v1.TaskRun, ahead string) remote.Run {
	run := remote.Run{
		Name: r.Name, ID: string(r.UID), Role: r.Labels[contract.LabelRole],
		Step: r.Labels[podspec.LabelStep], Scheduled: r.Labels[contract.LabelScheduled] == "true",
		Submitted: r.CreationTimestamp.Time,
	}
	if r.Status.StartTime != nil {
		run.Started = r.Status.StartTime.Time
	}
	if r.Status.CompletionTime != nil {
		run.Finished = r.Status.CompletionTime.Time
	}
	run.Phase, run.Message = runPhase(r)
	for _, t := range tasks {
		run.Steps = append(run.Steps, stepOf(t, ahead))
	}
	slices.SortFunc(run.Steps, func(a, b remote.Step) int {
		return cmp.Or(a.Started.Compare(b.Started), strings.Compare(a.Name, b.Name))
	})
	return run
}

// runPhase is that of a PipelineRun, with what there is to say of it. Tekton's
// message of a run under way is a count of its tasks, which its steps tell better.
func runPhase(r *v1.PipelineRun) (remote.Phase, string) {
	c := r.Status.GetCondition(apis.ConditionSucceeded)
	switch {
	case c.IsTrue():
		return remote.Succeeded, ""
	case c.IsFalse():
		return remote.Failed, c.Message
	case r.IsPending():
		return remote.Pending, "it was created to be started later: its spec.status is " + v1.PipelineRunSpecStatusPending
	case r.Status.StartTime == nil:
		return remote.Pending, ""
	}
	return remote.Running, ""
}

// stepOf is what a TaskRun says of its step.
func stepOf(t *v1.TaskRun, ahead string) remote.Step {
	s := remote.Step{Name: t.Labels[labelPipelineTask], Exit: -1}
	pods := attempts(t, s.Name)
	s.Started, s.Attempts = began(t), len(pods)
	if t.Status.CompletionTime != nil {
		s.Finished = t.Status.CompletionTime.Time
	}
	switch c := t.Status.GetCondition(apis.ConditionSucceeded); {
	case c.IsTrue():
		s.Phase = remote.Succeeded
		readEnd(&s, t, pods)
		s.Message = ""
	case c.IsFalse():
		s.Phase = remote.Failed
		readEnd(&s, t, pods)
	case c.GetReason() == v1.TaskRunReasonToBeRetried.String():
		s.Phase = remote.Running
		readEnd(&s, t, pods)
		s.Exit, s.Outcome = -1, nil // not its last
	case waitsForTurn(t):
		s.Phase = remote.Pending
		if ahead != "" {
			s.Message = "waits for run " + ahead + ", which is older, to end"
		}
	case c.GetReason() == v1.TaskRunReasonRunning.String():
		s.Phase = remote.Running
	default:
		s.Phase, s.Message = remote.Pending, pending(c)
	}
	return s
}

// waitsForTurn reports whether the pod of a run's first step waits for older runs to
// end. The container of the step itself runs by then, but does not work yet.
func waitsForTurn(t *v1.TaskRun) bool {
	turn := container(&t.Status, tekton.TurnStep)
	return !t.IsDone() && turn != nil && turn.Running != nil
}

// container returns the state of one container of the TaskRun's pod; nil for none.
func container(status *v1.TaskRunStatus, name string) *v1.StepState {
	for i := range status.Steps {
		if status.Steps[i].Name == name {
			return &status.Steps[i]
		}
	}
	return nil
}
