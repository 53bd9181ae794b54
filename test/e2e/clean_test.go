//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/assert"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/backube/scribe-gen/steps/contract"
)

// clean fails the test unless nothing temporary is left in the namespaces: no
// pod, no copy, no snapshot that is not a replica's, no Secret but the keys. What
// was deleted a moment ago may take a moment to go.
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
		note("pod", &p, true)
	}
	claims, err := w.kube.CoreV1().PersistentVolumeClaims(namespace).List(ctx, all)
	if err != nil {
		return []string{err.Error()}
	}
	for _, c := range claims.Items {
		note("claim", &c, c.Labels[contract.LabelTemporary] != "" || strings.HasPrefix(c.Name, "scribe-copy-"))
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
		note("secret", &s, s.Labels[contract.LabelTemporary] != "" || !keys)
	}
	return left
}

// follow keeps the logs of every pod of a namespace, as pods go when they end,
// and prints them when the test fails.
func (w *world) follow(namespace string) {
	var mu sync.Mutex
	logs, seen := map[string]*bytes.Buffer{}, map[types.UID]bool{}
	watcher, err := w.kube.CoreV1().Pods(namespace).Watch(w.t.Context(), metav1.ListOptions{})
	if err != nil {
		w.t.Logf("follow the pods of %s: %v", namespace, err)
		return
	}
	w.t.Cleanup(watcher.Stop)
	go func() {
		for event := range watcher.ResultChan() {
			pod, ok := event.Object.(*corev1.Pod)
			if !ok || seen[pod.UID] || !started(pod) {
				continue
			}
			// A pod that was deleted may come again under its name.
			seen[pod.UID] = true
			buffer := &bytes.Buffer{}
			mu.Lock()
			logs[pod.Name+" "+string(pod.UID)] = buffer
			mu.Unlock()
			go func() {
				stream, err := w.kube.CoreV1().Pods(namespace).GetLogs(pod.Name, &corev1.PodLogOptions{Container: "main", Follow: true}).Stream(w.background())
				if err != nil {
					return
				}
				defer stream.Close()
				for lines := bufio.NewScanner(stream); lines.Scan(); {
					mu.Lock()
					fmt.Fprintf(buffer, "    %s\n", lines.Text())
					mu.Unlock()
				}
			}()
		}
	}()
	w.t.Cleanup(func() {
		if !w.t.Failed() {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		for name, log := range logs {
			w.t.Logf("log of pod %s/%s:\n%s", namespace, name, log)
		}
		w.t.Logf("events of %s:\n%s", namespace, w.events(namespace))
	})
}

// started reports whether the pod's main container runs or has run.
func started(pod *corev1.Pod) bool {
	for _, s := range pod.Status.ContainerStatuses {
		if s.Name == "main" && (s.State.Running != nil || s.State.Terminated != nil) {
			return true
		}
	}
	return false
}

// events are the warnings of a namespace.
func (w *world) events(namespace string) string {
	list, err := w.kube.CoreV1().Events(namespace).List(w.background(), metav1.ListOptions{})
	if err != nil {
		return err.Error()
	}
	var b strings.Builder
	for _, e := range list.Items {
		if e.Type == corev1.EventTypeWarning {
			fmt.Fprintf(&b, "    %s %s: %s %s\n", e.InvolvedObject.Kind, e.InvolvedObject.Name, e.Reason, e.Message)
		}
	}
	return b.String()
}
