// Package earlier finds out what became of a step in pods in which an engine
// started it before.
//
// An engine that starts a pod again after any failure, as Tekton does, would repeat
// what the step had given up for good. The pods themselves tell the two apart: they
// stay, and hold the exit code and the outcome.
package earlier

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/cluster"
	"github.com/backube/scribe-gen/steps/internal/step"
)

// timeout is how long the pods are asked for.
const timeout = 30 * time.Second

// Pods looks at the pods in the pod's own namespace that
// [contract.EarlierPodsVariable] selects.
func Pods(ctx context.Context, env *step.Env) (step.Earlier, error) {
	config, namespace, err := cluster.Here("")
	if err != nil {
		return step.Earlier{}, err
	}
	core := corev1.SchemeGroupVersion
	c, err := cluster.Connect(config, namespace, env.Log, cluster.Group{Version: core, AddToScheme: corev1.AddToScheme})
	if err != nil {
		return step.Earlier{}, err
	}
	return among(ctx, env, cluster.Typed(c, core, "pods",
		func() *corev1.Pod { return &corev1.Pod{} }, func() *corev1.PodList { return &corev1.PodList{} }))
}

func among(ctx context.Context, env *step.Env, pods cluster.Collection[*corev1.Pod]) (step.Earlier, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("no answer within %s", timeout))
	defer cancel()
	found, _, err := pods.List(ctx, metav1.ListOptions{LabelSelector: env.Getenv(contract.EarlierPodsVariable)})
	if err != nil {
		return step.Earlier{}, err
	}
	own := env.Getenv(contract.PodVariable)
	found = slices.DeleteFunc(found, func(p *corev1.Pod) bool { return p.Name == own || !ended(p) })
	if len(found) == 0 {
		return step.Earlier{}, nil
	}
	latest := slices.MaxFunc(found, func(a, b *corev1.Pod) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	was := step.Earlier{Attempts: len(found)}
	for _, pod := range found {
		was.Attempts = max(was.Attempts, attempts(pod))
	}
	if t := failure(latest); t != nil && gaveUp(latest, t) {
		was.Pod, was.Exit, was.Outcome = latest.Name, int(t.ExitCode), contract.ParseOutcome(t.Message)
	}
	return was, nil
}

// ended reports whether a step has ended in a pod. The phase may not say so yet
// when the engine starts the next.
func ended(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed || failure(pod) != nil
}

// gaveUp reports whether the step itself ended for good with what its container
// ended with. Everything else than its own exit codes is the end of a pod: it was
// killed (137), told to end (143), or its container could not be started (255).
func gaveUp(pod *corev1.Pod, t *corev1.ContainerStateTerminated) bool {
	return pod.Status.Reason != "Evicted" &&
		(t.ExitCode == contract.ExitFailed || slices.Contains(contract.NoRetry[:], int(t.ExitCode)))
}

// failure is the end of the first of a pod's steps that failed, nil if none did.
// Those after it have an exit code, too, but were never begun.
func failure(pod *corev1.Pod) *corev1.ContainerStateTerminated {
	for _, t := range endings(pod) {
		if t.ExitCode != contract.ExitDone {
			return t
		}
	}
	return nil
}

// attempts is the number of attempts that a pod's outcomes tell of.
func attempts(pod *corev1.Pod) (number int) {
	for _, t := range endings(pod) {
		if out := contract.ParseOutcome(t.Message); out != nil {
			number = max(number, out.Attempt)
		}
	}
	return number
}

// endings are the ends of the containers of steps in the order of the pod's
// specification, in which they run. Steps are what has the variable that led here;
// a service mesh adds containers of its own.
func endings(pod *corev1.Pod) (all []*corev1.ContainerStateTerminated) {
	for _, c := range pod.Spec.Containers {
		if !slices.ContainsFunc(c.Env, func(e corev1.EnvVar) bool { return e.Name == contract.EarlierPodsVariable }) {
			continue
		}
		i := slices.IndexFunc(pod.Status.ContainerStatuses, func(s corev1.ContainerStatus) bool { return s.Name == c.Name })
		if i >= 0 && pod.Status.ContainerStatuses[i].State.Terminated != nil {
			all = append(all, pod.Status.ContainerStatuses[i].State.Terminated)
		}
	}
	return all
}
