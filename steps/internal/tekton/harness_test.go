package tekton

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/fake"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/cluster"
)

const pipeline = "scribe-wiki-dr-src"

// made is a PipelineRun, changed by what follows its name.
func made(name string, changes ...func(*unstructured.Unstructured)) *unstructured.Unstructured {
	o := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "tekton.dev/v1", "kind": "PipelineRun",
		"metadata": map[string]any{"name": name, "namespace": "wiki"},
		"spec":     map[string]any{"pipelineRef": map[string]any{"name": pipeline}},
	}}
	o.SetCreationTimestamp(metav1.NewTime(time.Now().Add(-time.Minute).Truncate(time.Second)))
	for _, change := range changes {
		change(o)
	}
	return o
}

func set(value any, path ...string) func(*unstructured.Unstructured) {
	return func(o *unstructured.Unstructured) {
		if err := unstructured.SetNestedField(o.Object, value, path...); err != nil {
			panic(err)
		}
	}
}

// before is how long ago something was, as Tekton writes it.
func before(d time.Duration) string {
	return time.Now().Add(-d).UTC().Truncate(time.Second).Format(time.RFC3339)
}

func created(ago time.Duration) func(*unstructured.Unstructured) {
	return set(before(ago), "metadata", "creationTimestamp")
}

func started(ago time.Duration) func(*unstructured.Unstructured) {
	return set(before(ago), "status", "startTime")
}

// ended is the status of a run whose condition Succeeded is that.
func ended(status string, ago time.Duration) func(*unstructured.Unstructured) {
	return func(o *unstructured.Unstructured) {
		set([]any{map[string]any{"type": "Succeeded", "status": status}}, "status", "conditions")(o)
		if status != "Unknown" {
			set(before(ago), "status", "completionTime")(o)
		}
	}
}

func scheduled(o *unstructured.Unstructured) {
	o.SetLabels(map[string]string{contract.LabelScheduled: "true"})
}

// site is a namespace of a fake API server.
type site struct {
	client *fake.FakeDynamicClient
	runs   dynamic.ResourceInterface
	all    runs
	log    *bytes.Buffer
	logger *slog.Logger
}

func newSite(t *testing.T, present ...*unstructured.Unstructured) *site {
	var objects []runtime.Object
	for _, o := range present {
		objects = append(objects, o)
	}
	s := &site{log: &bytes.Buffer{}}
	s.client = fake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(),
		map[schema.GroupVersionResource]string{pipelineRuns: "PipelineRunList"}, objects...)
	s.runs = s.client.Resource(pipelineRuns).Namespace("wiki")
	s.logger = slog.New(slog.NewTextHandler(s.log, nil))
	s.all = cluster.OfUntyped(s.logger, pipelineRuns.Resource, s.runs)
	return s
}

// put changes a run that is there.
func (s *site) put(t *testing.T, o *unstructured.Unstructured) {
	t.Helper()
	_, err := s.runs.Update(t.Context(), o, metav1.UpdateOptions{})
	require.NoError(t, err)
}

func (s *site) names(t *testing.T) (names []string) {
	t.Helper()
	found, err := s.runs.List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	for _, o := range found.Items {
		names = append(names, o.GetName())
	}
	return names
}

// skeleton writes a skeleton and returns its file.
func skeleton(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "run.yaml")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}
