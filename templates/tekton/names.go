package tekton

import (
	"time"

	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/steps/contract"
)

// TaskName is the Task of a pipeline's step.
func TaskName(pipeline, step string) string { return pipeline + "-" + step }

// SkeletonName is the ConfigMap with the skeleton of a pipeline's runs, at
// [SkeletonKey].
func SkeletonName(pipeline string) string { return pipeline + "-run" }

// SkeletonKey is the key of a skeleton in its ConfigMap.
const SkeletonKey = "run.yaml"

// startName is the account that starts the runs of a pipeline's schedule.
func startName(pipeline string) string { return pipeline + "-start" }

// Params of Tasks besides those of the plan.
const (
	// paramRun is the run ID.
	paramRun = "run-id"
	// ParamPipeline is the Pipeline whose older runs a run waits for; empty to wait for
	// none, as when a single step is run.
	ParamPipeline = "pipeline"
	// paramRunName is the name of the PipelineRun.
	paramRunName = "run-name"
)

// labelPipeline is Tekton's label of a run's Pipeline.
const labelPipeline = "tekton.dev/pipeline"

// TurnStep is the container that waits until it is the run's turn.
const TurnStep = "turn"

// resultOutcome is the result that holds a step's last word. Tekton keeps results
// in the container's termination message, which is where other engines look for it.
const resultOutcome = contract.OutcomeResult

// lostPods is how often Tekton starts a step again whose pod was lost: evicted,
// drained, out of memory. What a step itself reports as a failure, it has tried
// again already.
const lostPods = 2

// QueueLimit is how long a run waits for older ones of its pipeline, within its
// tasks' time: as long as one of them may take, at most an hour.
func QueueLimit(p *plan.Pipeline) time.Duration {
	if p.Lock == "" {
		return 0
	}
	return min(p.Timeout, time.Hour)
}
