//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"strings"
	"sync"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// labelStep is the label of a pod that has the name of its step.
const labelStep = "scribe.backube/step"

// witness keeps what the pods of a namespace said, as pods may go when they end.
type witness struct {
	*world
	namespace string
	mu        sync.Mutex
	seen      map[types.UID]*seen
}

// seen is one pod. One that was deleted may come again under its name.
type seen struct {
	name   string
	labels map[string]string
	// logs are those of its containers that ran.
	logs map[string]*bytes.Buffer
}

// watch begins to watch the pods of a namespace, and prints what they said when
// the test fails.
func (w *world) watch(namespace string) *witness {
	w.t.Helper()
	v := &witness{world: w, namespace: namespace, seen: map[types.UID]*seen{}}
	watcher, err := w.kube.CoreV1().Pods(namespace).Watch(w.t.Context(), metav1.ListOptions{})
	require.NoError(w.t, err, "watch the pods of %s", namespace)
	w.t.Cleanup(watcher.Stop)
	go func() {
		for event := range watcher.ResultChan() {
			if pod, ok := event.Object.(*corev1.Pod); ok {
				v.note(pod)
			}
		}
	}()
	w.t.Cleanup(func() {
		if w.t.Failed() {
			v.print()
		}
	})
	return v
}

// note notes what is new of a pod.
func (v *witness) note(pod *corev1.Pod) {
	v.mu.Lock()
	defer v.mu.Unlock()
	s := v.seen[pod.UID]
	if s == nil {
		s = &seen{name: pod.Name, labels: pod.Labels, logs: map[string]*bytes.Buffer{}}
		v.seen[pod.UID] = s
	}
	for _, c := range pod.Status.ContainerStatuses {
		if !stepContainer(c.Name) || c.State.Running == nil && c.State.Terminated == nil {
			continue
		}
		if s.logs[c.Name] == nil {
			s.logs[c.Name] = &bytes.Buffer{}
			go v.listen(pod.Name, c.Name, s.logs[c.Name])
		}
	}
}

// stepContainer tells the containers of steps from those that engines add.
func stepContainer(name string) bool { return name == "main" || strings.HasPrefix(name, "step-") }

// listen copies the log of a container until its end.
func (v *witness) listen(pod, container string, to *bytes.Buffer) {
	stream, err := v.kube.CoreV1().Pods(v.namespace).GetLogs(pod, &corev1.PodLogOptions{Container: container, Follow: true}).Stream(v.background())
	if err != nil {
		return // it went before anybody could listen
	}
	defer stream.Close()
	for lines := bufio.NewScanner(stream); lines.Scan(); {
		v.mu.Lock()
		fmt.Fprintf(to, "    %s\n", lines.Text())
		v.mu.Unlock()
	}
}

func (v *witness) print() {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, s := range v.seen {
		for container, log := range s.logs {
			v.t.Logf("log of container %s of pod %s/%s:\n%s", container, v.namespace, s.name, log)
		}
	}
	v.t.Logf("events of %s:\n%s", v.namespace, v.events())
}

// events are the warnings of the namespace.
func (v *witness) events() string {
	list, err := v.kube.CoreV1().Events(v.namespace).List(v.background(), metav1.ListOptions{})
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

// said is what all pods of a step of a run logged.
func (w *world) said(r *run, step string) string {
	v := w.witnesses[r.at.namespace]
	v.mu.Lock()
	defer v.mu.Unlock()
	var b strings.Builder
	for _, s := range v.seen {
		if log := s.logs[r.at.container(step)]; log != nil && s.labels[r.at.runLabel] == r.ID && s.labels[labelStep] == step {
			b.Write(log.Bytes())
		}
	}
	return b.String()
}
