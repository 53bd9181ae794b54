package earlier

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	k8stesting "k8s.io/client-go/testing"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/cluster"
	"github.com/backube/scribe-gen/steps/internal/step"
)

// end is how a container ended; running is one that did not.
type end struct {
	name    string
	exit    int32
	message string
}

const running = -1

// pod is a pod of TaskRun push, made so many seconds after the first one.
func pod(name string, seconds int64, phase corev1.PodPhase, ends ...end) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, Namespace: "wiki", Labels: map[string]string{"tekton.dev/taskRun": "push"},
			CreationTimestamp: metav1.NewTime(time.Unix(1_800_000_000+seconds, 0)),
		},
		Status: corev1.PodStatus{Phase: phase},
	}
	for _, e := range ends {
		container := corev1.Container{Name: e.name}
		if strings.HasPrefix(e.name, "step-") {
			container.Env = []corev1.EnvVar{{Name: contract.EarlierPodsVariable, Value: "tekton.dev/taskRun=push"}}
		}
		p.Spec.Containers = append(p.Spec.Containers, container)
		status := corev1.ContainerStatus{Name: e.name}
		if e.exit != running {
			status.State.Terminated = &corev1.ContainerStateTerminated{ExitCode: e.exit, Message: e.message}
		}
		p.Status.ContainerStatuses = append(p.Status.ContainerStatuses, status)
	}
	slices.SortFunc(p.Status.ContainerStatuses, func(a, b corev1.ContainerStatus) int { return strings.Compare(a.Name, b.Name) })
	return p
}

const (
	refused = `[{"key":"outcome","value":"{\"step\":\"rsync push\",\"outcome\":\"refused\",\"code\":\"promoted\",\"attempt\":3}","type":1},{"key":"StartedAt","value":"x","type":3}]`
	failed  = `{"step":"rsync push","outcome":"failed","reason":"boom","attempt":5}`
)

func TestEarlierPods(t *testing.T) {
	evicted := pod("a", 0, corev1.PodFailed, end{"step-push", 1, ""})
	evicted.Status.Reason = "Evicted"
	other := pod("a", 0, corev1.PodFailed, end{"step-push", 78, refused})
	other.Labels["tekton.dev/taskRun"] = "cleanup"
	elsewhere := pod("a", 0, corev1.PodFailed, end{"step-push", 78, refused})
	elsewhere.Namespace = "other"
	own := pod("own", 60, corev1.PodRunning, end{"step-turn", running, ""}, end{"step-push", running, ""})
	for name, c := range map[string]struct {
		pods []*corev1.Pod
		want step.Earlier
		code contract.Refusal
	}{
		"first":         {nil, step.Earlier{}, ""},
		"refused":       {[]*corev1.Pod{pod("a", 0, corev1.PodFailed, end{"step-turn", 0, ""}, end{"step-push", 78, refused})}, step.Earlier{Attempts: 3, Pod: "a", Exit: 78}, contract.RefusedPromoted},
		"failed":        {[]*corev1.Pod{pod("a", 0, corev1.PodFailed, end{"step-push", 1, failed})}, step.Earlier{Attempts: 5, Pod: "a", Exit: 1}, ""},
		"wrong usage":   {[]*corev1.Pod{pod("a", 0, corev1.PodFailed, end{"step-push", 2, ""})}, step.Earlier{Attempts: 1, Pod: "a", Exit: 2}, ""},
		"killed":        {[]*corev1.Pod{pod("a", 0, corev1.PodFailed, end{"step-push", 137, ""})}, step.Earlier{Attempts: 1}, ""},
		"terminated":    {[]*corev1.Pod{pod("a", 0, corev1.PodFailed, end{"step-push", 143, failed})}, step.Earlier{Attempts: 5}, ""},
		"never started": {[]*corev1.Pod{pod("a", 0, corev1.PodFailed, end{"step-push", 255, ""})}, step.Earlier{Attempts: 1}, ""},
		"no status":     {[]*corev1.Pod{pod("a", 0, corev1.PodFailed)}, step.Earlier{Attempts: 1}, ""},
		"evicted":       {[]*corev1.Pod{evicted}, step.Earlier{Attempts: 1}, ""},
		"succeeded":     {[]*corev1.Pod{pod("a", 0, corev1.PodSucceeded, end{"step-push", 0, ""})}, step.Earlier{Attempts: 1}, ""},
		"not ended":     {[]*corev1.Pod{pod("a", 0, corev1.PodRunning, end{"step-turn", 0, ""}, end{"step-push", running, ""})}, step.Earlier{}, ""},
		// The kubelet says so before the phase does, and the engine has seen it.
		"ended a moment ago": {[]*corev1.Pod{pod("a", 0, corev1.PodRunning, end{"step-push", 78, refused}, end{"proxy", running, ""})}, step.Earlier{Attempts: 3, Pod: "a", Exit: 78}, contract.RefusedPromoted},
		// What is skipped after a step that was killed exits with 1, but did not fail.
		"killed in turn": {[]*corev1.Pod{pod("a", 0, corev1.PodFailed, end{"step-turn", 137, ""}, end{"step-push", 1, ""})}, step.Earlier{Attempts: 1}, ""},
		"turn gave up":   {[]*corev1.Pod{pod("a", 0, corev1.PodFailed, end{"step-turn", 1, failed}, end{"step-push", 1, ""})}, step.Earlier{Attempts: 5, Pod: "a", Exit: 1}, ""},
		"proxy failed":   {[]*corev1.Pod{pod("a", 0, corev1.PodFailed, end{"a-proxy", 1, ""}, end{"step-push", 137, ""})}, step.Earlier{Attempts: 1}, ""},
		"latest counts": {[]*corev1.Pod{
			pod("b", 10, corev1.PodFailed, end{"step-push", 78, refused}), pod("a", 0, corev1.PodFailed, end{"step-push", 137, ""}),
		}, step.Earlier{Attempts: 3, Pod: "b", Exit: 78}, contract.RefusedPromoted},
		"lost twice": {[]*corev1.Pod{
			pod("a", 0, corev1.PodFailed, end{"step-push", 137, ""}), pod("b", 10, corev1.PodFailed, end{"step-push", 143, ""}),
		}, step.Earlier{Attempts: 2}, ""},
		"of another task": {[]*corev1.Pod{other}, step.Earlier{}, ""},
		"elsewhere":       {[]*corev1.Pod{elsewhere}, step.Earlier{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			objects := []runtime.Object{own}
			for _, p := range c.pods {
				objects = append(objects, p)
			}
			log := slog.New(slog.NewTextHandler(t.Output(), nil))
			client := fake.NewClientset(objects...)
			was, err := among(t.Context(), environment(log), cluster.Of(log, "pods", client.CoreV1().Pods("wiki")))
			require.NoError(t, err)
			if c.code != "" {
				require.NotNil(t, was.Outcome)
				assert.Equal(t, c.code, was.Outcome.Code)
			}
			was.Outcome = nil
			assert.Equal(t, c.want, was)
		})
	}
}

func environment(log *slog.Logger) *step.Env {
	return &step.Env{Log: log, Getenv: func(name string) string {
		return map[string]string{contract.EarlierPodsVariable: "tekton.dev/taskRun=push", contract.PodVariable: "own"}[name]
	}}
}

func TestPodsThatMayNotBeListed(t *testing.T) {
	client := fake.NewClientset()
	client.PrependReactor("list", "pods", func(k8stesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(corev1.Resource("pods"), "", errors.New("no"))
	})
	log := slog.New(slog.DiscardHandler)
	_, err := among(t.Context(), environment(log), cluster.Of(log, "pods", client.CoreV1().Pods("wiki")))
	assert.ErrorContains(t, err, "list pods")
}

// Where there is no cluster, a step does its work.
func TestStepOutsideACluster(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	t.Setenv("KUBECONFIG", "")
	t.Setenv(contract.EarlierPodsVariable, "a=b")
	var log bytes.Buffer
	verb := step.Verb{Command: &contract.SnapshotCleanup{}, Run: func(context.Context, *step.Env) (contract.Outcome, error) {
		return contract.Outcome{}, nil
	}}
	code := step.Program{Name: "snapshot", Verbs: []step.Verb{verb}, Earlier: Pods}.Run(t.Context(), []string{"cleanup"}, &log, &log)
	assert.Equal(t, contract.ExitDone, code)
	assert.Contains(t, log.String(), "going on")
}
