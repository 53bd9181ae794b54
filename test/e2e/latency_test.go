//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/test/e2e/internal/latency"
)

func TestLatency(t *testing.T) {
	alone(t, "how long a run of a small volume takes, from trigger to committed replica snapshot, step by step, and what dominates", onEach, func(t *testing.T, on pair) {
		w := newWorld(t, on)
		w.seedPlain(w.class, 20)
		w.apply()
		w.connect()
		var runs []latency.Run
		for range 3 {
			runs = append(runs, w.timedRun())
		}
		median := latency.Median(runs)
		assert.GreaterOrEqual(t, len(median.Steps), 3, "steps of which the times are known")
		fmt.Printf("Median of three runs of a small volume on %s, since the trigger:\n", on)
		require.NoError(t, median.WriteTable(os.Stdout))
		fmt.Println(median.Verdict())
		w.clean()
	})
}

// timedRun is a run of the relationship, and when its pods were what.
func (w *world) timedRun() latency.Run {
	w.t.Helper()
	began := time.Now()
	watched := []*stopwatch{w.stopwatch(w.sides[w.source], latency.Source, began), w.stopwatch(w.sides[w.replica], "destination", began)}
	destination, source := w.startDestination(), w.startSource()
	w.succeeded(source, destination)
	timed := latency.Run{Committed: w.state().Last.Time.Sub(began), Ended: time.Since(began)}
	w.committed(source)
	for i, r := range []*run{source, destination} {
		timed.Steps = append(timed.Steps, watched[i].stop(r.ID)...)
	}
	return timed
}

// stopwatch notes when the pods of a namespace are seen to change. The times in
// their status are whole seconds, which is too coarse.
type stopwatch struct {
	sync.Mutex
	at       *side
	pipeline string
	began    time.Time
	seen     map[string]map[string]*latency.Step // by run and pod
	done     func()
}

func (w *world) stopwatch(at *side, pipeline string, began time.Time) *stopwatch {
	w.t.Helper()
	watcher, err := w.kube.CoreV1().Pods(at.namespace).Watch(w.t.Context(), metav1.ListOptions{LabelSelector: contract.LabelRelationship + "=" + w.rel})
	require.NoError(w.t, err)
	s := &stopwatch{at: at, pipeline: pipeline, began: began, seen: map[string]map[string]*latency.Step{}, done: watcher.Stop}
	go func() {
		for event := range watcher.ResultChan() {
			if pod, ok := event.Object.(*corev1.Pod); ok {
				s.note(pod, time.Since(began))
			}
		}
	}()
	return s
}

// note notes what is new of a pod.
func (s *stopwatch) note(pod *corev1.Pod, now time.Duration) {
	s.Lock()
	defer s.Unlock()
	run := pod.Labels[s.at.runLabel]
	if s.seen[run] == nil {
		s.seen[run] = map[string]*latency.Step{}
	}
	step := s.seen[run][pod.Name]
	if step == nil {
		step = &latency.Step{Pipeline: s.pipeline, Name: pod.Labels[labelStep], Created: now}
		s.seen[run][pod.Name] = step
	}
	for _, c := range pod.Status.ContainerStatuses {
		if c.Name != s.at.container(step.Name) || c.State.Waiting != nil || step.Ended > 0 {
			continue
		}
		if step.Running == 0 {
			step.Running = now
		}
		if end := c.State.Terminated; end != nil {
			step.Ended = now
			if step.Running == now { // it was so short that it is seen only now
				step.Running = max(step.Created, now-end.FinishedAt.Sub(end.StartedAt.Time))
			}
		}
	}
}

// stop ends the watch and returns the steps of a run that have ended.
func (s *stopwatch) stop(run string) []latency.Step {
	s.done()
	s.Lock()
	defer s.Unlock()
	var all []latency.Step
	for _, step := range s.seen[run] {
		if step.Ended > 0 {
			all = append(all, *step)
		}
	}
	return all
}
