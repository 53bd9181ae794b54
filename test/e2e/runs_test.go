//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/steps/contract"
)

// submit starts a pipeline by hand, as "argo submit --from wftmpl/NAME" does.
func (w *world) submit(namespace, pipeline string, params ...string) *wfv1.Workflow {
	w.t.Helper()
	wf := &wfv1.Workflow{
		ObjectMeta: metav1.ObjectMeta{GenerateName: pipeline + "-"},
		Spec:       wfv1.WorkflowSpec{WorkflowTemplateRef: &wfv1.WorkflowTemplateRef{Name: pipeline}},
	}
	for _, p := range params {
		name, value, _ := strings.Cut(p, "=")
		wf.Spec.Arguments.Parameters = append(wf.Spec.Arguments.Parameters, wfv1.Parameter{Name: name, Value: wfv1.AnyStringPtr(value)})
	}
	made, err := w.argo.ArgoprojV1alpha1().Workflows(namespace).Create(w.t.Context(), wf, metav1.CreateOptions{})
	require.NoError(w.t, err)
	return made
}

func (w *world) submitSource() *wfv1.Workflow {
	return w.submit(w.source, plan.SourcePipeline(w.rel))
}

func (w *world) submitDestination() *wfv1.Workflow {
	return w.submit(w.replica, plan.DestinationPipeline(w.rel))
}

// until watches a workflow until it is as wanted.
func (w *world) until(wf *wfv1.Workflow, what string, limit time.Duration, is func(*wfv1.Workflow) bool) *wfv1.Workflow {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), limit)
	defer cancel()
	last := wf
	err := watchOne(ctx, w.argo.ArgoprojV1alpha1().Workflows(wf.Namespace), wf, func(e watch.Event) (bool, error) {
		if e.Type == watch.Deleted {
			return false, fmt.Errorf("the workflow was deleted")
		}
		last = e.Object.(*wfv1.Workflow)
		return is(last), nil
	})
	require.NoError(w.t, err, "workflow %s/%s: not %s within %s: %s", wf.Namespace, wf.Name, what, limit, nodes(last))
	return last
}

// end waits for the end of a workflow, whatever it is.
func (w *world) end(wf *wfv1.Workflow) *wfv1.Workflow {
	w.t.Helper()
	return w.until(wf, "finished", 8*time.Minute, func(wf *wfv1.Workflow) bool { return wf.Status.Fulfilled() })
}

// succeeded waits for the end of workflows, each of which must have succeeded.
func (w *world) succeeded(all ...*wfv1.Workflow) {
	w.t.Helper()
	for _, wf := range all {
		done := w.end(wf)
		*wf = *done
		require.Equal(w.t, wfv1.WorkflowSucceeded, done.Status.Phase, "%s/%s: %s", done.Namespace, done.Name, nodes(done))
	}
}

// nodes describes what became of a workflow's steps.
func nodes(wf *wfv1.Workflow) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s", wf.Name, wf.Status.Phase, wf.Status.Message)
	for _, n := range wf.Status.Nodes {
		if n.Type == wfv1.NodeTypePod {
			fmt.Fprintf(&b, "\n  %s %s %s", n.DisplayName, n.Phase, n.Message)
		}
	}
	return b.String()
}

// attempts are the pods that a step of a workflow had.
func attempts(wf *wfv1.Workflow, step string) []wfv1.NodeStatus {
	var found []wfv1.NodeStatus
	for _, n := range wf.Status.Nodes {
		if n.Type == wfv1.NodeTypePod && n.TemplateName == step {
			found = append(found, n)
		}
	}
	return found
}

// exitCode is what a pod of a workflow ended with, and what it said.
func exitCode(n wfv1.NodeStatus) (code, message string) {
	if n.Outputs != nil && n.Outputs.ExitCode != nil {
		code = *n.Outputs.ExitCode
	}
	return code, n.Message
}

// sync is one run of the relationship: both pipelines, to their end.
func (w *world) sync() (source, destination *wfv1.Workflow) {
	w.t.Helper()
	destination, source = w.submitDestination(), w.submitSource()
	w.succeeded(source, destination)
	return source, destination
}

// state is what the destination remembers.
func (w *world) state() contract.State {
	w.t.Helper()
	var state contract.State
	m, err := w.kube.CoreV1().ConfigMaps(w.replica).Get(w.t.Context(), contract.StateName(w.rel), metav1.GetOptions{})
	require.NoError(w.t, err)
	require.NoError(w.t, json.Unmarshal([]byte(m.Data[contract.StateKey]), &state))
	return state
}

// committed checks the commit of a run: one replica snapshot of that run's name,
// with its recovery point, and the state says so. It returns the snapshot's name.
func (w *world) committed(source *wfv1.Workflow) string {
	w.t.Helper()
	run := string(source.UID)
	name := contract.SnapshotName(w.rel, run)
	s, err := w.snapshots.SnapshotV1().VolumeSnapshots(w.replica).Get(w.t.Context(), name, metav1.GetOptions{})
	require.NoError(w.t, err)
	assert.Empty(w.t, s.OwnerReferences, "a replica snapshot must outlive the run")
	assert.Equal(w.t, run, s.Annotations[contract.AnnotationRunID])
	assert.Equal(w.t, w.rel, s.Labels[contract.LabelRelationship])
	point, err := time.Parse(time.RFC3339Nano, s.Annotations[contract.AnnotationRecoveryPoint])
	require.NoError(w.t, err)
	assert.False(w.t, point.Before(source.CreationTimestamp.Time.Add(-time.Second)), "recovery point %s is before the run", point)
	require.NotNil(w.t, s.Status.CreationTime)
	state := w.state()
	require.NotNil(w.t, state.Last)
	assert.Equal(w.t, run, state.Last.Run)
	assert.Equal(w.t, name, state.Last.Snapshot)
	assert.True(w.t, point.Equal(state.Last.RecoveryPoint))
	return name
}

// replicaSnapshots are the names of the relationship's replica snapshots.
func (w *world) replicaSnapshots() []string {
	w.t.Helper()
	all, err := w.snapshots.SnapshotV1().VolumeSnapshots(w.replica).List(w.t.Context(), metav1.ListOptions{LabelSelector: contract.LabelRelationship + "=" + w.rel})
	require.NoError(w.t, err)
	var names []string
	for _, s := range all.Items {
		names = append(names, s.Name)
	}
	return names
}
