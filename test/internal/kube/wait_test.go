package kube

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	dynamicfake "k8s.io/client-go/dynamic/fake"
)

// kinds is a mapper that knows ConfigMaps.
type kinds struct{ *meta.DefaultRESTMapper }

func (kinds) Reset() {}

// fake is a cluster that holds the objects.
func fake(objects ...runtime.Object) *Cluster {
	version := schema.GroupVersion{Version: "v1"}
	mapper := kinds{meta.NewDefaultRESTMapper([]schema.GroupVersion{version})}
	mapper.Add(version.WithKind("ConfigMap"), meta.RESTScopeNamespace)
	client := dynamicfake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(),
		map[schema.GroupVersionResource]string{version.WithResource("configmaps"): "ConfigMapList"}, objects...)
	return &Cluster{Dynamic: client, mapper: mapper}
}

func configMap(value string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap",
		"metadata": map[string]any{"name": "a", "namespace": "wiki"}, "data": map[string]any{"k": value},
	}}
}

// has waits for a value.
func has(value string) func(*unstructured.Unstructured) (bool, error) {
	return func(o *unstructured.Unstructured) (bool, error) {
		if o == nil {
			return value == "", nil
		}
		got, _, err := unstructured.NestedString(o.Object, "data", "k")
		return got == value, err
	}
}

func TestUntilSeesChanges(t *testing.T) {
	c := fake(configMap("old"))
	resource, err := c.Resource(configMap(""))
	require.NoError(t, err)
	_, err = c.Until(t.Context(), configMap(""), time.Minute, "a value", has("old"))
	require.NoError(t, err)
	go func() {
		_, err := resource.Update(t.Context(), configMap("new"), metav1.UpdateOptions{})
		assert.NoError(t, err)
	}()
	found, err := c.Until(t.Context(), configMap(""), time.Minute, "a new value", has("new"))
	require.NoError(t, err)
	assert.Equal(t, configMap("new").Object["data"], found.Object["data"])
}

func TestUntilNamesWhatWasAwaited(t *testing.T) {
	c := fake(configMap("old"))
	_, err := c.Until(t.Context(), configMap(""), 20*time.Millisecond, "a new value", has("new"))
	assert.ErrorContains(t, err, "waiting 20ms for a new value: ConfigMap wiki/a")
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = c.Until(stopped, configMap(""), time.Minute, "a new value", has("new"))
	assert.ErrorIs(t, err, context.Canceled)
	broken := errors.New("broken")
	_, err = c.Until(t.Context(), configMap(""), time.Minute, "a new value",
		func(*unstructured.Unstructured) (bool, error) { return false, broken })
	assert.ErrorIs(t, err, broken)
}
