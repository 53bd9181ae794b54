package step

import (
	"cmp"
	"context"
	"fmt"

	"github.com/backube/scribe-gen/steps/contract"
)

// Earlier is what became of a step in pods in which the engine started it before.
type Earlier struct {
	// Attempts is how many attempts were made there, as far as it is known.
	Attempts int
	// Pod is the latest of the pods if the step gave up in it: Exit is its exit code
	// there and Outcome its last word, nil if there is none.
	Pod     string
	Exit    int
	Outcome *contract.Outcome
}

// earlier asks what became of the step in earlier pods. Not to know it costs no
// more than attempts that were made in vain before.
func (p Program) earlier(ctx context.Context, env *Env) Earlier {
	if p.Earlier == nil || env.Getenv(contract.EarlierPodsVariable) == "" {
		return Earlier{}
	}
	found, err := p.Earlier(ctx, env)
	if err != nil {
		env.Log.Warn("what became of the step in earlier pods is not known; going on", "error", err.Error())
		return Earlier{}
	}
	if found.Pod == "" && found.Attempts > 0 {
		env.Log.Info("an earlier pod of the step was lost; going on", "attempts", found.Attempts)
	}
	return found
}

// endAs ends the step as it ended in an earlier pod.
func (e *execution) endAs(was Earlier) int {
	reason := fmt.Sprintf("the step gave up in pod %s with exit code %d; its log says why", was.Pod, was.Exit)
	out := contract.Outcome{Step: e.name, Run: e.common.Run, Outcome: resultOf(was.Exit), Reason: reason}
	if was.Outcome != nil {
		out = *was.Outcome
	}
	e.write(out)
	e.env.Log.Error("the step gave up in an earlier pod", "pod", was.Pod, "exit", was.Exit,
		"code", string(out.Code), "reason", cmp.Or(out.Reason, reason))
	return was.Exit
}
