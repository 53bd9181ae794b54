package kubernetes

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/backube/scribe-gen/steps/contract"
)

// Quiesce implements [volume.Quiescer]: it waits for the running pods of steps that
// may write to the claim. Pods of others, such as an application that was put on
// the replica, are logged and not waited for.
func (s *Store) Quiesce(ctx context.Context, claim string) error {
	var writers []string
	told := map[string]bool{}
	err := s.pods.until(ctx, metav1.ListOptions{}, func(present map[string]*corev1.Pod) (bool, error) {
		writers = nil
		for name, pod := range present {
			switch {
			case !writes(pod, claim) || finished(pod) || pod.Status.Phase == corev1.PodPending:
			case pod.Labels[contract.LabelRelationship] != "":
				writers = append(writers, name)
			case !told[name]:
				told[name] = true
				s.log.Warn("a pod that is no step uses the replica", "pod", name, "claim", claim)
			}
		}
		return len(writers) == 0, nil
	})
	switch {
	case err != nil && len(writers) > 0:
		return fmt.Errorf("wait until nobody writes to claim %s, which pods %v may: %w", claim, writers, err)
	case err != nil:
		return fmt.Errorf("wait until nobody writes to claim %s: %w", claim, err)
	}
	return nil
}

// writes reports whether a pod mounts the claim for writing.
func writes(pod *corev1.Pod, claim string) bool {
	return slices.ContainsFunc(pod.Spec.Volumes, func(v corev1.Volume) bool {
		c := v.PersistentVolumeClaim
		return c != nil && c.ClaimName == claim && !c.ReadOnly
	})
}

// finished reports whether the containers of a pod have ended for good.
func finished(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

// inUse maps the claims that pods of other runs use, and have not finished with, to
// one of the pods.
func (s *Store) inUse(ctx context.Context, run string) (map[string]string, error) {
	pods, _, err := s.pods.list(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	used := map[string]string{}
	for _, pod := range pods {
		if finished(pod) || pod.Labels[contract.LabelRun] == run {
			continue
		}
		for _, claim := range claimsOf(pod) {
			used[claim] = pod.Name
		}
	}
	return used, nil
}

func claimsOf(pod *corev1.Pod) (names []string) {
	for _, v := range pod.Spec.Volumes {
		if v.PersistentVolumeClaim != nil {
			names = append(names, v.PersistentVolumeClaim.ClaimName)
		}
	}
	return names
}
