package remote

import (
	"cmp"
	"context"
	"encoding/json"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/templates/internal/follow"
	"github.com/backube/scribe-gen/templates/internal/podspec"
)

// outcomes gathers the last words of a run's steps from their pods. The pods go as
// soon as they have ended, and engines keep a message of what failed only: so they
// are watched while the run is under way.
type outcomes struct {
	mu     sync.Mutex
	of     map[string]ended
	change chan struct{} // closed and replaced at every change
}

// ended is the newest pod of a step that has ended.
type ended struct {
	created time.Time
	outcome *contract.Outcome
	exit    int
}

// watchOutcomes gathers until ctx ends. Without the right to watch pods it
// gathers nothing, and what engines say of failures has to do.
func watchOutcomes(ctx context.Context, s *Session, relationship, run string) *outcomes {
	o := &outcomes{of: map[string]ended{}, change: make(chan struct{})}
	which := follow.Which{Labels: labels.Set{
		contract.LabelRelationship: relationship, contract.LabelRun: run,
	}.String()}
	go func() {
		_ = follow.Until(ctx, s.Core.CoreV1().Pods(s.Namespace), which, nil, func(pod *corev1.Pod, _ bool) (bool, error) {
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
		outcome := ParseOutcome(t.Message)
		if outcome == nil {
			continue // one of the engine's own containers
		}
		step := pod.Labels[podspec.LabelStep]
		now := ended{pod.CreationTimestamp.Time, outcome, int(t.ExitCode)}
		o.mu.Lock()
		if cmp.Compare(now.created.UnixNano(), o.of[step].created.UnixNano()) >= 0 || o.of[step].outcome == nil {
			o.of[step] = now
			close(o.change)
			o.change = make(chan struct{})
		}
		o.mu.Unlock()
	}
}

// ParseOutcome reads a step's termination message; nil when it is none.
func ParseOutcome(message string) *contract.Outcome {
	var outcome contract.Outcome
	if json.Unmarshal([]byte(message), &outcome) != nil || outcome.Outcome == "" {
		return nil
	}
	return &outcome
}

// fill adds what is known to the steps of a run.
func (o *outcomes) fill(run Run) Run {
	o.mu.Lock()
	defer o.mu.Unlock()
	steps := make([]Step, len(run.Steps))
	for i, step := range run.Steps {
		if known, ok := o.of[step.Name]; ok && step.Phase.Ended() {
			step.Outcome = known.outcome
			if step.Exit < 0 {
				step.Exit = known.exit
			}
		}
		steps[i] = step
	}
	run.Steps = steps
	return run
}

// settle waits until every step that succeeded has an outcome, but not longer than
// limit: the watch of the pods may lag behind that of the run.
func (o *outcomes) settle(ctx context.Context, run Run, limit time.Duration) Run {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		o.mu.Lock()
		change := o.change
		o.mu.Unlock()
		filled := o.fill(run)
		if complete(filled) {
			return filled
		}
		select {
		case <-change:
		case <-ctx.Done():
			return filled
		}
	}
}

func complete(run Run) bool {
	for _, s := range run.Steps {
		if s.Phase == Succeeded && s.Outcome == nil {
			return false
		}
	}
	return true
}
