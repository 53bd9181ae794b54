package tekton

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/backube/scribe-gen/steps/contract"
)

func turnOf(name string, timeout time.Duration) *contract.TektonTurn {
	return &contract.TektonTurn{Pipeline: pipeline, RunName: name, Timeout: timeout}
}

// Whom a run waits for.
func TestOrderOfTurns(t *testing.T) {
	own := made("own", created(time.Minute), started(50*time.Second))
	labelled := made("a", created(time.Hour))
	unstructured.RemoveNestedField(labelled.Object, "spec", "pipelineRef")
	labelled.SetLabels(map[string]string{labelPipeline: pipeline})
	for name, c := range map[string]struct {
		other *unstructured.Unstructured
		waits bool
	}{
		"none":                                {nil, false},
		"older":                               {made("a", started(55*time.Second)), true},
		"older, known by its label":           {labelled, true},
		"older, says it runs":                 {made("a", started(55*time.Second), ended("Unknown", 0)), true},
		"older, succeeded":                    {made("a", started(55*time.Second), ended("True", time.Second)), false},
		"older, failed":                       {made("a", started(55*time.Second), ended("False", time.Second)), false},
		"older, of another pipeline":          {made("a", started(55*time.Second), set("other", "spec", "pipelineRef", "name")), false},
		"younger":                             {made("a", started(40*time.Second)), false},
		"same second, name before":            {made("a", set(own.Object["status"].(map[string]any)["startTime"], "status", "startTime")), true},
		"same second, name behind":            {made("z", set(own.Object["status"].(map[string]any)["startTime"], "status", "startTime")), false},
		"created before, starts later":        {made("a", created(time.Hour), started(40*time.Second)), false},
		"created before, start not known yet": {made("a", created(time.Hour)), true},
		"held back":                           {made("a", created(time.Hour), set("PipelineRunPending", "spec", "status")), false},
		"was held back":                       {made("a", created(time.Hour), set("PipelineRunPending", "spec", "status"), started(55*time.Second)), true},
		"being cancelled":                     {made("a", started(55*time.Second), set("CancelledRunFinally", "spec", "status")), true},
	} {
		t.Run(name, func(t *testing.T) {
			present := []*unstructured.Unstructured{own}
			if c.other != nil {
				present = append(present, c.other)
			}
			s := newSite(t, present...)
			out, err := turn(t.Context(), s.all, turnOf("own", 200*time.Millisecond), s.logger)
			if !c.waits {
				require.NoError(t, err)
				assert.Empty(t, out.Outcome)
				return
			}
			for _, words := range []string{"PipelineRun a", "active since 2", "within 200ms (--timeout)", "kubectl patch pipelinerun a"} {
				require.ErrorContains(t, err, words)
			}
			assert.Contains(t, s.log.String(), "pipelineRun=a")
		})
	}
}

func TestTurnComesWhenOlderRunsEnd(t *testing.T) {
	first, second := made("a", started(59*time.Second)), made("b", started(58*time.Second))
	s := newSite(t, made("own", started(50*time.Second)), first, second)
	done := make(chan contract.Outcome)
	go func() {
		out, err := turn(t.Context(), s.all, turnOf("own", 10*time.Second), s.logger)
		assert.NoError(t, err)
		done <- out
	}()
	step := func(change func()) {
		t.Helper()
		select {
		case <-done:
			t.Fatal("two runs at once")
		case <-time.After(300 * time.Millisecond):
			change()
		}
	}
	step(func() { ended("False", 0)(first); s.put(t, first) })
	step(func() { require.NoError(t, s.runs.Delete(t.Context(), "b", metav1.DeleteOptions{})) })
	select {
	case out := <-done:
		assert.Contains(t, out.Reason, "[a b]")
	case <-time.After(5 * time.Second):
		t.Fatal("the turn never came")
	}
}

// Runs of the same second may not be visible yet to one that has just started.
func TestTurnWaitsUntilAllAreVisible(t *testing.T) {
	own := made("own", started(0))
	s := newSite(t, own)
	began := time.Now()
	_, err := turn(t.Context(), s.all, turnOf("own", 10*time.Second), s.logger)
	require.NoError(t, err)
	assert.Greater(t, time.Since(began), 900*time.Millisecond)
	assert.Less(t, time.Since(began), 4*time.Second)
}

// Of any number of runs, started in the same second, one at a time has its turn, and
// each has.
func TestOneAtATime(t *testing.T) {
	names := []string{"c", "a", "d", "b"}
	var present []*unstructured.Unstructured
	for _, name := range names {
		present = append(present, made(name, started(30*time.Second)))
	}
	s := newSite(t, present...)
	turns := make(chan *unstructured.Unstructured, len(names))
	for _, o := range present {
		go func() {
			_, err := turn(t.Context(), s.all, turnOf(o.GetName(), 20*time.Second), s.logger)
			assert.NoError(t, err)
			turns <- o
		}()
	}
	for _, want := range []string{"a", "b", "c", "d"} {
		o := <-turns
		assert.Equal(t, want, o.GetName())
		select {
		case other := <-turns:
			t.Fatalf("%s works beside %s", other.GetName(), o.GetName())
		case <-time.After(100 * time.Millisecond):
		}
		ended("True", 0)(o)
		s.put(t, o)
	}
}

func TestTurnOfADeletedRun(t *testing.T) {
	s := newSite(t)
	_, err := turn(t.Context(), s.all, turnOf("own", time.Minute), s.logger)
	require.ErrorContains(t, err, "PipelineRun own does not exist")

	s = newSite(t, made("own", started(50*time.Second)), made("a", started(time.Minute)))
	time.AfterFunc(200*time.Millisecond, func() { _ = s.runs.Delete(t.Context(), "own", metav1.DeleteOptions{}) })
	_, err = turn(t.Context(), s.all, turnOf("own", time.Minute), s.logger)
	require.ErrorContains(t, err, "PipelineRun own does not exist")
}
