package test_test

import (
	"testing"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v4/apis/volumesnapshot/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	tektonv1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
)

// Both engines, the snapshot API and Kubernetes' own types at the versions of
// go.mod build into one program and register in one scheme: a second engine and
// a Kubernetes volume store need no module of their own.
func TestEnginesAndSnapshotsShareOneScheme(t *testing.T) {
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		scheme.AddToScheme, wfv1.AddToScheme, tektonv1.AddToScheme, snapshotv1.AddToScheme,
	} {
		require.NoError(t, add(s))
	}
	for _, kind := range []schema.GroupVersionKind{
		{Version: "v1", Kind: "PersistentVolumeClaim"},
		{Group: "argoproj.io", Version: "v1alpha1", Kind: "CronWorkflow"},
		{Group: "tekton.dev", Version: "v1", Kind: "Pipeline"},
		{Group: "snapshot.storage.k8s.io", Version: "v1", Kind: "VolumeSnapshot"},
	} {
		assert.True(t, s.Recognizes(kind), kind.String())
	}
}
