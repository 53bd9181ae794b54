package runs

import (
	"context"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	typedcore "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/templates/internal/follow"
	"github.com/backube/scribe-gen/templates/internal/podspec"
	"github.com/backube/scribe-gen/templates/remote"
)

// settleLimit is how long after a run's end its pods' last words are waited for:
// their watch may lag behind that of the Workflow.
const settleLimit = 3 * time.Second

// outcomes gathers the last words of a run's steps from their pods. The pods go as
// soon as they have ended, and Argo keeps a message of what failed only: so they
// are watched while the run is under way.
type outcomes struct {
	mu     sync.Mutex
	of     map[string]ended
	change chan struct{} // closed and replaced at every change
	over   chan struct{} // closed when nothing more is heard
}

// ended is the newest pod of a step that has ended. One in which Argo itself did the
// work, as it does to start a run elsewhere, has no outcome.
type ended struct {
	created metav1.Time
	outcome *contract.Outcome
	exit    int
}

// mainContainer is the one of a pod that does its work.
const mainContainer = "main"

// watchOutcomes gathers those of a run until ctx ends. Without the right to watch
// pods it gathers nothing, and what Argo says of failures has to do.
func watchOutcomes(ctx context.Context, pods typedcore.PodInterface, run string) *outcomes {
	o := &outcomes{of: map[string]ended{}, change: make(chan struct{}), over: make(chan struct{})}
	which := follow.Which{Labels: labels.Set{contract.LabelRun: run}.String()}
	go func() {
		defer close(o.over)
		_ = follow.Until(ctx, pods, which, nil, func(pod *corev1.Pod, _ bool) (bool, error) {
			if pod.Labels[contract.LabelRun] == run {
				o.add(pod)
			}
			return false, nil
		})
	}()
	return o
}

func (o *outcomes) add(pod *corev1.Pod) {
	for _, c := range pod.Status.ContainerStatuses {
		t := c.State.Terminated
		if t == nil {
			continue
		}
		outcome := contract.ParseOutcome(t.Message)
		if outcome == nil && c.Name != mainContainer {
			continue // one that Argo adds
		}
		step := pod.Labels[podspec.LabelStep]
		o.mu.Lock()
		if known, ok := o.of[step]; !ok || !pod.CreationTimestamp.Before(&known.created) {
			o.of[step] = ended{pod.CreationTimestamp, outcome, int(t.ExitCode)}
			close(o.change)
			o.change = make(chan struct{})
		}
		o.mu.Unlock()
	}
}

// fill adds what is known to the steps of a run.
func (o *outcomes) fill(run remote.Run) remote.Run {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range run.Steps {
		step := &run.Steps[i]
		if known := o.of[step.Name]; known.outcome != nil && step.Phase.Ended() {
			step.Outcome = known.outcome
			if step.Exit < 0 {
				step.Exit = known.exit
			}
		}
	}
	return run
}

// settle fills a run that has ended. It waits until a pod of every step that succeeded
// was seen at its end, but not longer than limit.
func (o *outcomes) settle(ctx context.Context, run remote.Run, limit time.Duration) remote.Run {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		o.mu.Lock()
		change := o.change
		o.mu.Unlock()
		run = o.fill(run)
		if o.complete(run) {
			return run
		}
		select {
		case <-change:
		case <-o.over:
			return run
		case <-ctx.Done():
			return run
		}
	}
}

func (o *outcomes) complete(run remote.Run) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range run.Steps {
		if _, seen := o.of[s.Name]; s.Phase == remote.Succeeded && s.Outcome == nil && !seen {
			return false
		}
	}
	return true
}
