//go:build e2e

package e2e

import (
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/templates/remote"
)

// start starts a run of a pipeline by hand.
func (w *world) start(namespace, pipeline string) *run {
	w.t.Helper()
	at := w.sides[namespace]
	submitted, err := at.client.Submit(w.t.Context(), remote.Submission{Pipeline: pipeline})
	require.NoError(w.t, err)
	return &run{Run: submitted, at: at}
}

// startByHand starts a run of a pipeline without scribe-gen.
func (w *world) startByHand(namespace, pipeline string) *run {
	w.t.Helper()
	at := w.sides[namespace]
	script := strings.NewReplacer("PIPELINE", pipeline, "kubectl ", w.kubectlFile+" -n "+namespace+" ").Replace(at.byHand)
	cmd := exec.CommandContext(w.t.Context(), "bash", "-euo", "pipefail", "-c", script)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+w.kubeconfig)
	out, err := cmd.CombinedOutput()
	require.NoError(w.t, err, "%s: %s", script, out)
	return &run{Run: remote.Run{Name: path.Base(strings.TrimSpace(string(out)))}, at: at}
}

func (w *world) startSource() *run {
	w.t.Helper()
	return w.start(w.source, plan.SourcePipeline(w.rel))
}

func (w *world) startDestination() *run {
	w.t.Helper()
	return w.start(w.replica, plan.DestinationPipeline(w.rel))
}

// end follows runs to their end, whatever it is.
func (w *world) end(runs ...*run) {
	w.t.Helper()
	// Beside each other: what the steps of a run said is lost when nobody listens.
	errs := make([]error, len(runs))
	var all sync.WaitGroup
	for i, r := range runs {
		all.Go(func() { errs[i] = r.follow(w.t.Context()) })
	}
	all.Wait()
	for i, r := range runs {
		require.NoError(w.t, errs[i], "%s", r)
	}
}

// succeeded waits for the end of runs, each of which must have succeeded.
func (w *world) succeeded(runs ...*run) {
	w.t.Helper()
	w.end(runs...)
	for _, r := range runs {
		require.Equal(w.t, remote.Succeeded, r.Phase, "%s", r)
	}
}

// failed waits for the end of a run, which must have failed.
func (w *world) failed(r *run) {
	w.t.Helper()
	w.end(r)
	require.Equal(w.t, remote.Failed, r.Phase, "%s", r)
}

// refused waits for the end of a source's run that the listener turned away for
// good: with the exit code that forbids another attempt, after one, in words. told
// is what the listener logs of each push that it turns away.
func (w *world) refused(source, destination *run, word, told string) {
	w.t.Helper()
	w.failed(source)
	push := source.step(w.t, "push")
	assert.Equal(w.t, contract.ExitRefused, push.Exit, "%s", source)
	assert.Equal(w.t, 1, push.Attempts)
	assert.Contains(w.t, push.Message, word)
	assert.Equal(w.t, 1, strings.Count(w.said(destination, "listen"), told), "pushes that came to the listener")
}

// sync is one run of the relationship: both pipelines, to their end.
func (w *world) sync() (source, destination *run) {
	w.t.Helper()
	destination, source = w.startDestination(), w.startSource()
	w.succeeded(source, destination)
	return source, destination
}

// stop ends runs politely, and waits until they have ended.
func (w *world) stop(runs ...*run) {
	w.t.Helper()
	for _, r := range runs {
		require.NoError(w.t, r.at.client.Stop(w.t.Context(), r.Name))
		w.end(r)
	}
}

// terminate ends a run at once, and waits until it has ended.
func (w *world) terminate(r *run) {
	w.t.Helper()
	w.kubectl("", "-n", r.at.namespace, "patch", r.at.runKind, r.Name, "--type=merge", "-p", r.at.terminate)
	w.end(r)
}

// remove deletes the object of a run, whatever the run is at.
func (w *world) remove(r *run) {
	w.t.Helper()
	require.NoError(w.t, r.at.client.Delete(w.t.Context(), r.Name))
}

// runs are all runs of the relationship at a side, however they were started.
func (w *world) runs(namespace string) []*run {
	w.t.Helper()
	at := w.sides[namespace]
	list, err := at.client.List(w.t.Context(), w.rel)
	require.NoError(w.t, err)
	var all []*run
	for _, r := range list {
		all = append(all, &run{Run: r, at: at})
	}
	return all
}

// suspend stops both schedules.
func (w *world) suspend() {
	w.t.Helper()
	for namespace, name := range map[string]string{w.source: plan.SourcePipeline(w.rel), w.replica: plan.DestinationPipeline(w.rel)} {
		w.kubectl("", "-n", namespace, "patch", w.sides[namespace].scheduleKind, name, "--type=merge", "-p", `{"spec":{"suspend":true}}`)
	}
}

// quiet stops the runs of both sides, whose schedules are suspended, until no pod of
// the relationship works. What a schedule began before may still start a run.
func (w *world) quiet() {
	w.t.Helper()
	for limit := time.Now().Add(wait); ; time.Sleep(200 * time.Millisecond) {
		working := ""
		for _, namespace := range []string{w.source, w.replica} {
			for _, r := range w.runs(namespace) {
				if !r.Phase.Ended() {
					w.stop(r)
				}
			}
			pods, err := w.kube.CoreV1().Pods(namespace).List(w.t.Context(), metav1.ListOptions{LabelSelector: contract.LabelRelationship})
			require.NoError(w.t, err)
			if i := slices.IndexFunc(pods.Items, works); i >= 0 {
				working = pods.Items[i].Name
			}
		}
		if working == "" {
			return
		}
		require.True(w.t, time.Now().Before(limit), "pod %s still works after %s", working, wait)
	}
}

// overlap is the most runs of the source that were under way at once. All have
// ended.
func (w *world) overlap() (most int) {
	w.t.Helper()
	all := w.runs(w.source)
	for _, a := range all {
		beside := 0
		for _, b := range all {
			if !b.Started.After(a.Started) && b.Finished.After(a.Started) {
				beside++
			}
		}
		most = max(most, beside)
	}
	return most
}
