package tekton

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/backube/scribe-gen/generator/plan"
)

// TaskName is the Task of a pipeline's step. It becomes a label: one that is too long
// ends in a hash of the whole.
func TaskName(pipeline, step string) string {
	name := pipeline + "-" + step
	if len(name) <= validation.LabelValueMaxLength {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	hash := "-" + hex.EncodeToString(sum[:])[:10]
	return strings.TrimRight(name[:validation.LabelValueMaxLength-len(hash)], "-") + hash
}

// SkeletonName is the ConfigMap with the skeleton of a pipeline's runs, at
// [SkeletonKey].
func SkeletonName(pipeline string) string { return pipeline + "-run" }

// SkeletonKey is the key of a skeleton in its ConfigMap.
const SkeletonKey = "run.yaml"

// startedName is the ConfigMap with the skeleton of the runs that a step of a pipeline
// starts, at startKey.
func startedName(pipeline, step string) string { return SkeletonName(pipeline + "-" + step) }

// startKey is the key of a skeleton whose Pipeline is in another namespace.
const startKey = "start.yaml"

// startName is the account that starts the runs of a pipeline's schedule.
func startName(pipeline string) string { return pipeline + "-start" }

// Params of Tasks besides those of the plan.
const (
	// ParamRun is the run ID.
	ParamRun = "run-id"
	// ParamPipeline is the Pipeline whose older runs a run waits for; empty to wait for
	// none, as when a single step is run.
	ParamPipeline = "pipeline"
	// paramRunName is the name of the PipelineRun.
	paramRunName = "run-name"
)

// LabelPipeline is Tekton's label of a run's Pipeline.
const LabelPipeline = "tekton.dev/pipeline"

// TurnStep is the container that waits until it is the run's turn.
const TurnStep = "turn"

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
