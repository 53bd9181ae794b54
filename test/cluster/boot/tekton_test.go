package boot_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/backube/scribe-gen/test/cluster/boot"
)

func tektonResource(version, resource string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "tekton.dev", Version: version, Resource: resource}
}

func dynamicClient(t *testing.T, c *boot.Cluster) dynamic.Interface {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", c.Kubeconfig)
	require.NoError(t, err)
	client, err := dynamic.NewForConfig(config)
	require.NoError(t, err)
	return client
}

// tekton runs a pipeline, in a namespace that enforces "baseline", and checks what
// the webhook does.
func (s *suite) tekton(t *testing.T, ctx context.Context) {
	admitted(t, ctx, s.cluster)
	began := time.Now()
	s.talk(t, ctx, "talk")
	assert.Less(t, time.Since(began), 20*time.Second)
	old, err := dynamicClient(t, s.cluster).Resource(tektonResource("v1beta1", "pipelines")).Namespace("talk").Get(ctx, "talk", metav1.GetOptions{})
	require.NoError(t, err, "objects are converted")
	assert.Equal(t, "tekton.dev/v1beta1", old.GetAPIVersion())
}

// talk runs testdata/pipeline.yaml in a new namespace.
func (s *suite) talk(t *testing.T, ctx context.Context, namespace string) {
	t.Helper()
	_, err := s.kube.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: namespace, Labels: map[string]string{"pod-security.kubernetes.io/enforce": "baseline"},
	}}, metav1.CreateOptions{})
	require.NoError(t, err)
	client := dynamicClient(t, s.cluster)
	file, err := os.Open("testdata/pipeline.yaml")
	require.NoError(t, err)
	defer file.Close()
	decoder := yaml.NewYAMLOrJSONDecoder(file, 4<<10)
	for {
		var o unstructured.Unstructured
		if decoder.Decode(&o) != nil {
			break
		}
		resource := tektonResource("v1", strings.ToLower(o.GetKind())+"s")
		_, err := client.Resource(resource).Namespace(namespace).Create(ctx, &o, metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict})
		require.NoError(t, err, o.GetKind())
	}
	runs := client.Resource(tektonResource("v1", "pipelineruns")).Namespace(namespace)
	require.EventuallyWithT(t, func(t *assert.CollectT) {
		run, err := runs.Get(ctx, "talk", metav1.GetOptions{})
		require.NoError(t, err)
		conditions, _, _ := unstructured.NestedSlice(run.Object, "status", "conditions")
		require.Len(t, conditions, 1)
		condition := conditions[0].(map[string]any)
		assert.Equal(t, "Succeeded", condition["reason"], condition["message"])
	}, time.Minute, 100*time.Millisecond)
	pods, err := s.kube.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: "tekton.dev/pipelineRun=talk"})
	require.NoError(t, err)
	assert.Len(t, pods.Items, 3)
}

// admitted checks that a cluster defaults Tekton's objects and refuses wrong ones,
// the first time that it is asked.
func admitted(t *testing.T, ctx context.Context, c *boot.Cluster) {
	t.Helper()
	pipelines := dynamicClient(t, c).Resource(tektonResource("v1", "pipelines")).Namespace("default")
	pipeline := func(name string, params ...any) *unstructured.Unstructured {
		return &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "tekton.dev/v1", "kind": "Pipeline", "metadata": map[string]any{"name": name},
			"spec": map[string]any{"tasks": []any{map[string]any{
				"name": "a", "taskRef": map[string]any{"name": "a"}, "params": params,
			}}},
		}}
	}
	made, err := pipelines.Create(ctx, pipeline("right"), metav1.CreateOptions{})
	require.NoError(t, err)
	tasks, _, err := unstructured.NestedSlice(made.Object, "spec", "tasks")
	require.NoError(t, err)
	assert.Equal(t, map[string]any{"name": "a", "kind": "Task"}, tasks[0].(map[string]any)["taskRef"])
	_, err = pipelines.Create(ctx, pipeline("wrong", map[string]any{"name": "p", "value": "$(params.absent)"}), metav1.CreateOptions{})
	require.ErrorContains(t, err, "validation.webhook.pipeline.tekton.dev")
	require.NoError(t, pipelines.Delete(ctx, "right", metav1.DeleteOptions{}))
}

// authority returns the certificate by which a cluster knows the webhook that
// converts Tasks, after checking that it is the webhook's own.
func authority(t *testing.T, ctx context.Context, c *boot.Cluster) string {
	t.Helper()
	definitions := schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
	tasks, err := dynamicClient(t, c).Resource(definitions).Get(ctx, "tasks.tekton.dev", metav1.GetOptions{})
	require.NoError(t, err)
	bundle, _, err := unstructured.NestedString(tasks.Object, "spec", "conversion", "webhook", "clientConfig", "caBundle")
	require.NoError(t, err)
	certs, err := dynamicClient(t, c).Resource(corev1.SchemeGroupVersion.WithResource("secrets")).Namespace("tekton-pipelines").
		Get(ctx, "webhook-certs", metav1.GetOptions{})
	require.NoError(t, err)
	own, _, err := unstructured.NestedString(certs.Object, "data", "ca-cert.pem")
	require.NoError(t, err)
	assert.Equal(t, own, bundle)
	return bundle
}
