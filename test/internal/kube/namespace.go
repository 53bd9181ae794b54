package kube

import (
	"context"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// The levels of the Pod Security Standards.
const (
	Restricted = "restricted"
	Baseline   = "baseline"
)

// LabelTest marks the namespaces that tests make, for those who clean up after a
// killed test in a cluster that stays.
const LabelTest = "scribe.backube/test"

// Enforce is the label of a namespace that refuses pods below the level.
func Enforce(level string) map[string]string {
	return map[string]string{"pod-security.kubernetes.io/enforce": level}
}

// Namespace makes a namespace for the test and returns its name, which begins
// with the prefix. Unless the cluster is a throwaway, it is removed after the test,
// which does not wait until it is gone: that takes the server many seconds.
func (c *Cluster) Namespace(t testing.TB, prefix string, labels map[string]string) string {
	t.Helper()
	all := map[string]string{LabelTest: "true"}
	maps.Copy(all, labels)
	made, err := c.Client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{
		ObjectMeta: metav1.ObjectMeta{GenerateName: prefix + "-", Labels: all},
	}, metav1.CreateOptions{})
	require.NoError(t, err, "making a namespace")
	if c.Throwaway {
		return made.Name
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := c.Client.CoreV1().Namespaces().Delete(ctx, made.Name, metav1.DeleteOptions{}); err != nil {
			t.Logf("removing namespace %s: %v", made.Name, err)
		}
	})
	return made.Name
}

// Install applies the objects, forcing nothing, and fails the test if one is
// refused. After the test it removes those that belong to no namespace, unless the
// cluster is a throwaway; the others go with theirs.
func (c *Cluster) Install(t testing.TB, objects []*unstructured.Unstructured) []*Applied {
	t.Helper()
	if !c.Throwaway {
		t.Cleanup(func() { c.removeClusterWide(t, objects) })
	}
	applied, err := c.ApplyAll(t.Context(), objects)
	require.NoError(t, err)
	return applied
}

func (c *Cluster) removeClusterWide(t testing.TB, objects []*unstructured.Unstructured) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for _, o := range objects {
		if o.GetNamespace() == "" {
			c.remove(ctx, t, o)
		}
	}
}

func (c *Cluster) remove(ctx context.Context, t testing.TB, o *unstructured.Unstructured) {
	resource, err := c.Resource(o)
	if err == nil {
		err = resource.Delete(ctx, o.GetName(), metav1.DeleteOptions{})
	}
	if err != nil && !apierrors.IsNotFound(err) {
		t.Logf("removing %s: %v", Describe(o), err)
	}
}
