package runs

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/templates/remote"
)

// entrypoint is the template of all steps.
const entrypoint = "main"

// runOf is a Workflow in the terms of no engine.
func runOf(w *wfv1.Workflow) remote.Run {
	only := w.Spec.Entrypoint
	if w.Spec.WorkflowTemplateRef == nil || only == entrypoint {
		only = ""
	}
	return remote.Run{
		Step: only,
		Name: w.Name, ID: string(w.UID), Role: w.Labels[contract.LabelRole], Scheduled: w.Labels[labelCron] != "",
		Phase: phase(w.Status.Phase), Message: w.Status.Message,
		Submitted: w.CreationTimestamp.Time, Started: w.Status.StartedAt.Time, Finished: w.Status.FinishedAt.Time,
		Steps: steps(w.Status.Nodes),
	}
}

// phase is that of a workflow or of a node, for which Argo has the same words.
func phase[T wfv1.WorkflowPhase | wfv1.NodePhase](p T) remote.Phase {
	switch wfv1.NodePhase(p) {
	case wfv1.NodeSucceeded:
		return remote.Succeeded
	case wfv1.NodeFailed, wfv1.NodeError:
		return remote.Failed
	case wfv1.NodeRunning:
		return remote.Running
	}
	return remote.Pending
}

// steps makes a step of the nodes of each template that runs a pod: a Retry node
// and a Pod node for each attempt.
func steps(nodes wfv1.Nodes) []remote.Step {
	byTemplate := map[string][]wfv1.NodeStatus{}
	for _, n := range nodes {
		if n.Type == wfv1.NodeTypePod || n.Type == wfv1.NodeTypeRetry {
			byTemplate[n.TemplateName] = append(byTemplate[n.TemplateName], n)
		}
	}
	var found []remote.Step
	for name, nodes := range byTemplate {
		found = append(found, step(name, nodes))
	}
	slices.SortFunc(found, func(a, b remote.Step) int {
		return cmp.Or(a.Started.Compare(b.Started), strings.Compare(a.Name, b.Name))
	})
	return found
}

// step is what the nodes of one template say. Phase and times are those of the
// Retry node, as an attempt that failed is not yet the step's failure.
func step(name string, nodes []wfv1.NodeStatus) remote.Step {
	slices.SortFunc(nodes, func(a, b wfv1.NodeStatus) int {
		return cmp.Or(a.StartedAt.Compare(b.StartedAt.Time), cmp.Compare(len(a.Name), len(b.Name)), strings.Compare(a.Name, b.Name))
	})
	s := remote.Step{Name: name, Exit: -1}
	whole, last := nodes[0], nodes[0]
	for _, n := range nodes {
		if n.Type == wfv1.NodeTypeRetry {
			whole = n
			continue
		}
		s.Attempts++
		last = n
	}
	s.Phase, s.Message = phase(whole.Phase), last.Message
	s.Started, s.Finished = whole.StartedAt.Time, whole.FinishedAt.Time
	if s.Phase == remote.Running && last.Type == wfv1.NodeTypePod && phase(last.Phase) == remote.Pending {
		s.Phase = remote.Pending // a Retry node runs from its beginning
	}
	if s.Phase == remote.Failed && s.Attempts == 0 {
		s.Message = whole.Message
	}
	readEnd(&s, last)
	if p := last.Progress; p.IsValid() && p != wfv1.ProgressDefault && p.M() > 1 {
		s.Done, s.Total = p.N(), p.M()
	}
	return s
}

// failedContainer is how the controller tells of a container that failed; after
// it comes the termination message.
var failedContainer = regexp.MustCompile(`(?s)^main: [A-Za-z]+ \(exit code (\d+)\)(?:: (.*))?$`)

// readEnd reads exit code and outcome of the last attempt.
func readEnd(s *remote.Step, last wfv1.NodeStatus) {
	if !phase(last.Phase).Ended() {
		return
	}
	if last.Outputs != nil && last.Outputs.ExitCode != nil {
		if code, err := strconv.Atoi(*last.Outputs.ExitCode); err == nil {
			s.Exit = code
		}
	}
	m := failedContainer.FindStringSubmatch(last.Message)
	if m == nil {
		return
	}
	if code, err := strconv.Atoi(m[1]); err == nil {
		s.Exit = code
	}
	if outcome := contract.ParseOutcome(m[2]); outcome != nil {
		s.Outcome, s.Message = outcome, outcome.Reason
	}
}
