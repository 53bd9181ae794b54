package kubernetes

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/cluster"
	"github.com/backube/scribe-gen/steps/internal/volume"
)

// Quiesce implements [volume.Quiescer]: it waits for the running pods of steps that
// may write to the claim. Pods of others, such as an application that was put on
// the replica, are logged and not waited for.
func (s *Store) Quiesce(ctx context.Context, claim string) error {
	var writers []string
	told := map[string]bool{}
	err := s.pods.Until(ctx, metav1.ListOptions{}, func(present map[string]*corev1.Pod) (bool, error) {
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

// mounts is which pods name a claim, by the claim's name: one that may still use it,
// and those that have finished with it.
type mounts struct {
	unfinished map[string]string
	finished   map[string][]*corev1.Pod
}

func (s *Store) mounts(ctx context.Context) (mounts, error) {
	m := mounts{map[string]string{}, map[string][]*corev1.Pod{}}
	pods, _, err := s.pods.List(ctx, metav1.ListOptions{})
	for _, pod := range pods {
		for _, claim := range claimsOf(pod) {
			if finished(pod) {
				m.finished[claim] = append(m.finished[claim], pod)
			} else {
				m.unfinished[claim] = pod.Name
			}
		}
	}
	return m, err
}

// others is a pod of another run that may still use the claim of an object's name, ""
// if none does.
func (m mounts) others(o cluster.Object, owner volume.Owner) string {
	if sameRun(o, owner) {
		return ""
	}
	return m.unfinished[o.GetName()]
}

// release removes the finished pods that hold a claim back from vanishing, if the
// store was opened to do so.
func (s *Store) release(ctx context.Context, claim string, m mounts) error {
	if !s.deletesPods {
		return nil
	}
	for _, pod := range m.finished[claim] {
		if deleting(pod) {
			continue
		}
		if err := ignoreGone(s.pods.Delete(ctx, pod)); err != nil {
			return fmt.Errorf("release claim %s: %w", claim, err)
		}
		s.log.Info("removed a finished pod that held the claim", "pod", pod.Name, "claim", claim)
	}
	return nil
}

func claimsOf(pod *corev1.Pod) (names []string) {
	for _, v := range pod.Spec.Volumes {
		if v.PersistentVolumeClaim != nil {
			names = append(names, v.PersistentVolumeClaim.ClaimName)
		}
	}
	return names
}
