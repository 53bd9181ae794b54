//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
)

// container is the name of the only container of the tests' pods. Those of steps
// are called main.
const container = "bench"

// runPod runs a pod to its end, deletes it, and returns what it printed. The error
// of a pod that failed or cannot start says why.
func (l *lab) runPod(ctx context.Context, namespace string, pod *corev1.Pod) (output []byte, err error) {
	pods := l.kube.CoreV1().Pods(namespace)
	pod, err = pods.Create(ctx, pod, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("make a pod in %s: %w", namespace, err)
	}
	defer func() {
		now := int64(0)
		err = errors.Join(err, pods.Delete(context.WithoutCancel(ctx), pod.Name, metav1.DeleteOptions{GracePeriodSeconds: &now}))
	}()
	last, err := l.ended(ctx, pod)
	if err != nil {
		return nil, fmt.Errorf("pod %s/%s has not ended: %w%s", namespace, pod.Name, err, standing(last))
	}
	stream, err := pods.GetLogs(pod.Name, &corev1.PodLogOptions{Container: container}).Stream(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the output of pod %s/%s: %w", namespace, pod.Name, err)
	}
	output, err = io.ReadAll(stream)
	if err := errors.Join(err, stream.Close()); err != nil {
		return nil, fmt.Errorf("read the output of pod %s/%s: %w", namespace, pod.Name, err)
	}
	if last.Status.Phase == corev1.PodFailed {
		tail := output[max(0, len(output)-2000):]
		return nil, fmt.Errorf("pod %s/%s failed: %s%s", namespace, pod.Name, bytes.TrimSpace(tail), standing(last))
	}
	return output, nil
}

// ended watches a pod until it has ended, or its image is not to be had.
func (l *lab) ended(ctx context.Context, pod *corev1.Pod) (*corev1.Pod, error) {
	last := pod
	err := watchOne(ctx, l.kube.CoreV1().Pods(pod.Namespace), pod, func(e watch.Event) (bool, error) {
		if e.Type == watch.Deleted {
			return false, errors.New("somebody deleted it")
		}
		last = e.Object.(*corev1.Pod)
		for _, s := range last.Status.ContainerStatuses {
			if s.State.Waiting != nil && slices.Contains(noImage, s.State.Waiting.Reason) {
				return false, errors.New("its image cannot be had")
			}
		}
		return last.Status.Phase == corev1.PodSucceeded || last.Status.Phase == corev1.PodFailed, nil
	})
	return last, err
}

// noImage are the reasons for which a container waits that has no image.
var noImage = []string{"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName"}

// standing says, in a line each, what keeps a pod or how it ended.
func standing(pod *corev1.Pod) string {
	var b strings.Builder
	for _, c := range pod.Status.Conditions {
		if c.Status != corev1.ConditionTrue && c.Message != "" {
			fmt.Fprintf(&b, "\n  %s: %s %s", c.Type, c.Reason, c.Message)
		}
	}
	for _, s := range pod.Status.ContainerStatuses {
		if w := s.State.Waiting; w != nil {
			fmt.Fprintf(&b, "\n  container %s: %s %s", s.Name, w.Reason, w.Message)
		}
		if e := s.State.Terminated; e != nil {
			fmt.Fprintf(&b, "\n  container %s: %s, exit code %d %s", s.Name, e.Reason, e.ExitCode, e.Message)
		}
	}
	return b.String()
}
