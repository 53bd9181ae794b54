//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"time"

	"github.com/stretchr/testify/assert"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/backube/scribe-gen/steps/contract"
)

// clean fails the test unless nothing temporary is left in the namespaces: no pod
// that runs or holds a copy, no copy, no snapshot that is not a replica's, no Secret
// but the keys and what an object store needs. What was deleted a moment ago may take
// a moment to go.
func (w *world) clean() {
	w.t.Helper()
	var left []string
	assert.Eventually(w.t, func() bool {
		left = append(w.leftovers(w.source), w.leftovers(w.replica)...)
		return len(left) == 0
	}, time.Minute, 200*time.Millisecond, "left behind: %v", &left)
}

// leftovers names what a run may not leave in a namespace.
func (w *world) leftovers(namespace string) []string {
	ctx, all := w.background(), metav1.ListOptions{}
	var left []string
	note := func(kind string, o metav1.Object, ours bool) {
		if ours {
			left = append(left, fmt.Sprintf("%s %s/%s", kind, namespace, o.GetName()))
		}
	}
	pods, err := w.kube.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: contract.LabelRelationship})
	if err != nil {
		return []string{err.Error()}
	}
	for _, p := range pods.Items {
		note("pod", &p, !w.sides[namespace].keepsPods || !harmless(&p))
	}
	claims, err := w.kube.CoreV1().PersistentVolumeClaims(namespace).List(ctx, all)
	if err != nil {
		return []string{err.Error()}
	}
	for _, c := range claims.Items {
		note("claim", &c, c.Labels[contract.LabelTemporary] != "" || isCopy(c.Name))
	}
	snapshots, err := w.snapshots.SnapshotV1().VolumeSnapshots(namespace).List(ctx, all)
	if err != nil {
		return []string{err.Error()}
	}
	for _, s := range snapshots.Items {
		note("snapshot", &s, s.Labels[contract.LabelTemporary] != "" || namespace == w.source)
	}
	secrets, err := w.kube.CoreV1().Secrets(namespace).List(ctx, all)
	if err != nil {
		return []string{err.Error()}
	}
	for _, s := range secrets.Items {
		keys := strings.HasSuffix(s.Name, "-listener") || strings.HasSuffix(s.Name, "-push")
		note("secret", &s, s.Labels[contract.LabelTemporary] != "" || !keys && !ofStore(s.Name))
	}
	return left
}

// harmless reports whether a pod has ended and holds no copy: an engine that
// removes no pods may leave it until its run goes.
func harmless(pod *corev1.Pod) bool {
	if works(*pod) {
		return false
	}
	for _, v := range pod.Spec.Volumes {
		if c := v.PersistentVolumeClaim; c != nil && isCopy(c.ClaimName) {
			return false
		}
	}
	return true
}

// isCopy reports whether a claim has the name of a point-in-time copy.
func isCopy(claim string) bool { return strings.HasPrefix(claim, "scribe-copy-") }
