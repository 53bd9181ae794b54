package tekton

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"
	k8stesting "k8s.io/client-go/testing"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/step"
)

const plain = `
apiVersion: tekton.dev/v1
kind: PipelineRun
metadata:
  generateName: scribe-wiki-dr-src-
  labels: {scribe.backube/relationship: wiki-dr}
spec:
  pipelineRef: {name: scribe-wiki-dr-src}
  timeouts: {pipeline: 6h15m}
  taskRunSpecs:
  - pipelineTaskName: push
    podTemplate: {securityContext: {fsGroup: 65532}}
`

func (s *site) start(t *testing.T, change func(*contract.TektonStart)) (contract.Outcome, error) {
	t.Helper()
	c := &contract.TektonStart{Skeleton: skeleton(t, plain), Name: "run-1"}
	if change != nil {
		change(c)
	}
	return start(t.Context(), s.all, "wiki", c, s.logger)
}

func TestStart(t *testing.T) {
	s := newSite(t, made("done", ended("True", time.Hour)), made("else", set("other", "spec", "pipelineRef", "name")))
	out, err := s.start(t, nil)
	require.NoError(t, err)
	assert.Equal(t, "PipelineRun run-1 is created", out.Reason)
	o, err := s.runs.Get(t.Context(), "run-1", metav1.GetOptions{})
	require.NoError(t, err)
	assert.Empty(t, o.GetGenerateName())
	assert.Equal(t, map[string]string{contract.LabelScheduled: "true", contract.LabelRelationship: "wiki-dr"}, o.GetLabels())
	specs, _, err := unstructured.NestedSlice(o.Object, "spec", "taskRunSpecs")
	require.NoError(t, err)
	assert.Equal(t, []any{map[string]any{"pipelineTaskName": "push", "podTemplate": map[string]any{"securityContext": map[string]any{"fsGroup": int64(65532)}}}}, specs)

	// The pod was killed after it: another does not wait for the run it made.
	out, err = s.start(t, func(c *contract.TektonStart) { c.Wait = time.Hour })
	require.NoError(t, err)
	assert.Contains(t, out.Reason, "was created before")
	assert.Equal(t, []string{"done", "else", "run-1"}, s.names(t))
}

func TestStartWhileARunIsActive(t *testing.T) {
	for _, wait := range []time.Duration{0, 200 * time.Millisecond} {
		s := newSite(t, made("by-hand", ended("Unknown", 0)))
		out, err := s.start(t, func(c *contract.TektonStart) { c.Wait = wait })
		require.NoError(t, err)
		assert.Equal(t, contract.ResultNothing, out.Outcome)
		assert.Equal(t, "PipelineRun by-hand is still active", out.Reason)
		assert.Equal(t, []string{"by-hand"}, s.names(t))
	}
	active := made("by-hand")
	s := newSite(t, active)
	time.AfterFunc(300*time.Millisecond, func() { ended("False", 0)(active); s.put(t, active) })
	out, err := s.start(t, func(c *contract.TektonStart) { c.Wait = 20 * time.Second })
	require.NoError(t, err)
	assert.Empty(t, out.Outcome)
	assert.Equal(t, []string{"by-hand", "run-1"}, s.names(t))
}

// A run that another starts has a name that follows from both, however often it is
// tried, and of the longest Pipeline it is still a label.
func TestStartByAnotherRun(t *testing.T) {
	by := func(run string) func(*contract.TektonStart) {
		return func(c *contract.TektonStart) { c.Name, c.Run = "", run }
	}
	s := newSite(t)
	for _, reason := range []string{"is created", "was created before"} {
		out, err := s.start(t, by("0f0e9f84-7d0c-4b6a-9b0e-1d2c3b4a5f60"))
		require.NoError(t, err)
		assert.Contains(t, out.Reason, reason)
	}
	names := s.names(t)
	require.Len(t, names, 1)
	assert.Regexp(t, "^"+pipeline+"-[0-9a-f]{10}$", names[0])
	assert.Len(t, startedName(strings.Repeat("p", 52), "run"), validation.DNS1123LabelMaxLength)
}

// A start by another run waits for nobody: a run that is active may have missed what
// happened, one that waits for its turn will see it.
func TestStartByAnotherRunWhileOthersAreActive(t *testing.T) {
	by := func(c *contract.TektonStart) { c.Name, c.Run = "", "a" }
	first, second := made("first", created(time.Hour), ended("Unknown", 0)), made("second", created(time.Minute))
	s := newSite(t, first)
	out, err := s.start(t, by)
	require.NoError(t, err)
	assert.Contains(t, out.Reason, "is created")
	assert.Len(t, s.names(t), 2)

	s = newSite(t, second, first)
	out, err = s.start(t, by)
	require.NoError(t, err)
	assert.Equal(t, contract.ResultNothing, out.Outcome)
	assert.Equal(t, "PipelineRun second has yet to begin", out.Reason)
	assert.Len(t, s.names(t), 2)
}

func TestNameOfAnotherRun(t *testing.T) {
	s := newSite(t, made("run-1", set("other", "spec", "pipelineRef", "name")))
	_, err := s.start(t, nil)
	require.ErrorContains(t, err, "is one of Pipeline other")
	assert.Equal(t, contract.ExitRefused, step.Code(err))
}

// Two attempts at the same time make one run.
func TestStartedByAnotherMeanwhile(t *testing.T) {
	s := newSite(t)
	s.client.PrependReactor("create", "pipelineruns", func(a k8stesting.Action) (bool, runtime.Object, error) {
		require.NoError(t, s.client.Tracker().Create(pipelineRuns, made("run-1"), "wiki"))
		return true, nil, apierrors.NewAlreadyExists(pipelineRuns.GroupResource(), "run-1")
	})
	_, err := s.start(t, nil)
	require.NoError(t, err)
	assert.Equal(t, []string{"run-1"}, s.names(t))
}

func TestWrongSkeletons(t *testing.T) {
	for name, text := range map[string]string{
		"not YAML":        "a: [",
		"twice":           plain + "kind: PipelineRun\n",
		"nothing":         "",
		"no kind":         "apiVersion: tekton.dev/v1\n",
		"another kind":    "apiVersion: tekton.dev/v1\nkind: TaskRun\n",
		"another version": "apiVersion: tekton.dev/v1beta1\nkind: PipelineRun\n",
		"no pipeline":     "apiVersion: tekton.dev/v1\nkind: PipelineRun\n",
		"namespace":       "apiVersion: tekton.dev/v1\nkind: PipelineRun\nmetadata: {namespace: other}\nspec: {pipelineRef: {name: x}}\n",
	} {
		s := newSite(t)
		_, err := s.start(t, func(c *contract.TektonStart) { c.Skeleton = skeleton(t, text) })
		assert.ErrorContains(t, err, "--skeleton=", name)
		assert.Equal(t, contract.ExitUsage, step.Code(err), name)
		assert.Empty(t, s.names(t))
	}
	_, err := newSite(t).start(t, func(c *contract.TektonStart) { c.Skeleton = "/nonexistent" })
	assert.Equal(t, contract.ExitUsage, step.Code(err))
	_, err = newSite(t).start(t, func(c *contract.TektonStart) { c.Name = "No_Name" })
	assert.ErrorContains(t, err, "--name=No_Name")
	assert.Equal(t, contract.ExitUsage, step.Code(err))
}

func TestOldRunsAreRemoved(t *testing.T) {
	var present []*unstructured.Unstructured
	for i := range 5 {
		ago := time.Duration(i+1) * 240 * time.Hour
		present = append(present,
			made(fmt.Sprintf("good-%d", i), scheduled, ended("True", ago)),
			made(fmt.Sprintf("poor-%d", i), scheduled, ended("False", ago)))
	}
	present = append(present,
		made("hand-good-new", ended("True", 23*time.Hour)), made("hand-good-old", ended("True", 25*time.Hour)),
		made("hand-poor-new", ended("False", 6*24*time.Hour)), made("hand-poor-old", ended("False", 8*24*time.Hour)),
		made("other", scheduled, ended("True", 9999*time.Hour), set("other", "spec", "pipelineRef", "name")),
	)
	s := newSite(t, present...)
	_, err := s.start(t, nil)
	require.NoError(t, err)
	kept := []string{"good-0", "good-1", "good-2", "hand-good-new", "hand-poor-new", "other", "poor-0", "poor-1", "poor-2", "run-1"}
	assert.Equal(t, kept, s.names(t))

	s = newSite(t, present...)
	s.client.PrependReactor("delete", "pipelineruns", func(a k8stesting.Action) (bool, runtime.Object, error) {
		if a.(k8stesting.DeleteAction).GetName() == "good-4" {
			return true, nil, apierrors.NewConflict(pipelineRuns.GroupResource(), "good-4", errors.New("changed"))
		}
		return a.(k8stesting.DeleteAction).GetName() == "poor-4", nil, apierrors.NewBadRequest("no")
	})
	_, err = s.start(t, func(c *contract.TektonStart) { c.Keep = 1 })
	require.NoError(t, err, "what cannot be removed is a warning")
	assert.Equal(t, []string{"good-0", "good-4", "hand-good-new", "hand-poor-new", "other", "poor-0", "poor-4", "run-1"}, s.names(t))
	assert.Contains(t, s.log.String(), `level=WARN msg="an old run cannot be removed" pipelineRun=poor-4`)
}
