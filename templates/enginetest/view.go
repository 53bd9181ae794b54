// Package enginetest is the conformance suite of engines: what every engine must
// show for each feature of a plan, whatever its objects look like. A new engine
// needs an [Inspector] and one test that calls [Run].
package enginetest

import (
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/backube/scribe-gen/generator/manifest"
)

// Inspector reads an engine's objects back.
type Inspector interface {
	// Pipelines returns what the engine would run, by the plan's names of
	// pipelines. It takes the objects at their word: what they do not say is
	// missing from the view.
	Pipelines(objects []manifest.Object) (map[string]Pipeline, error)
}

// Pipeline is a pipeline as the engine would run it.
type Pipeline struct {
	// Steps are those in order, Finally those that run whatever became of them.
	Steps, Finally []Step
	// Params are the defaults of what the one who starts a run may give.
	Params map[string]string
	// Schedule is nil where there is none.
	Schedule *Schedule
	// Timeout bounds a run.
	Timeout time.Duration
	// Starts are the runs elsewhere that it starts.
	Starts []Start
	// Exclusive says that a second run waits for the first, however it is started.
	Exclusive bool
}

// Start is a run of another pipeline that the engine starts.
type Start struct {
	// Step is what starts it. Its Container is empty where that is the engine's own.
	Step
	// Pipeline and Namespace are what runs and where, RunLabels those of the run.
	Pipeline, Namespace string
	RunLabels           map[string]string
	// Once says that, tried again, it makes no second run.
	Once bool
}

// Schedule is when the engine starts runs.
type Schedule struct {
	Cron, TimeZone   string
	Suspend          bool
	StartingDeadline time.Duration
}

// Step is a step as the engine would run it. The engine's own variables are given
// in the plan's notation, such as plan.Run.
type Step struct {
	Name string
	// Needs are the steps that must have succeeded before.
	Needs []string
	// Container is the one that runs the step's binary.
	Container corev1.Container
	// Volumes are the pod's.
	Volumes []corev1.Volume
	// Security is the pod's security context.
	Security *corev1.PodSecurityContext
	// Labels and Annotations are the pod's.
	Labels, Annotations map[string]string
	NodeSelector        map[string]string
	Tolerations         []corev1.Toleration
	Affinity            *corev1.Affinity
	PriorityClassName   string
	// Account is the pod's ServiceAccount.
	Account string
	// Outputs are the files that later steps can use, path by name.
	Outputs map[string]string
	// Timeout bounds one attempt.
	Timeout time.Duration
	// Retries is how often a failure is tried again, Backoff and MaxBackoff how
	// long it waits before.
	Retries             int
	Backoff, MaxBackoff time.Duration
	// Retry says whether the engine tries again after the exit code.
	Retry func(exitCode int) (bool, error)
}
