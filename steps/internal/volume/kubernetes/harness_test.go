//go:build cluster

package kubernetes_test

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	snapshotclient "github.com/kubernetes-csi/external-snapshotter/client/v4/clientset/versioned/typed/volumesnapshot/v1"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	clientset "k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/backube/scribe-gen/steps/internal/volume"
	"github.com/backube/scribe-gen/steps/internal/volume/kubernetes"
)

// The cluster to test on: its kubeconfig, and the directories in which the test
// driver keeps volumes by their handle, separated by colons.
const (
	kubeconfigVariable = "SCRIBE_TEST_KUBECONFIG"
	volumesVariable    = "SCRIBE_TEST_VOLUMES"
)

func loadConfig() (*rest.Config, error) {
	file := os.Getenv(kubeconfigVariable)
	if file == "" {
		return nil, errors.New(kubeconfigVariable + " must name the kubeconfig of a test cluster: go run ./test/cluster up makes one")
	}
	config, err := clientcmd.BuildConfigFromFlags("", file)
	if err == nil {
		config.QPS = -1
	}
	return config, err
}

// site is an empty namespace of the test cluster.
type site struct {
	namespace, class string
	config           *rest.Config
	client           *clientset.Clientset
	snapshots        *snapshotclient.SnapshotV1Client
	store            *kubernetes.Store
}

// newSite makes a namespace in which claims are of a StorageClass.
func newSite(t *testing.T, class string) *site {
	config, err := loadConfig()
	require.NoError(t, err)
	s := &site{class: class, config: config}
	s.client, err = clientset.NewForConfig(config)
	require.NoError(t, err)
	s.snapshots, err = snapshotclient.NewForConfig(config)
	require.NoError(t, err)
	made, err := s.client.CoreV1().Namespaces().Create(t.Context(),
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "store-"}}, metav1.CreateOptions{})
	require.NoError(t, err)
	s.namespace = made.Name
	t.Cleanup(func() {
		_ = s.client.CoreV1().Namespaces().Delete(context.Background(), s.namespace, metav1.DeleteOptions{})
	})
	s.store, err = kubernetes.Open(config, s.namespace, slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})))
	require.NoError(t, err)
	return s
}

func (s *site) Store() volume.Store { return s.store }

func (s *site) Write(t *testing.T, claim string, files map[string]string) {
	root := s.root(t, claim)
	if root == "" {
		s.make(t, claim)
		root = s.root(t, claim)
	}
	for path, content := range files {
		file := filepath.Join(root, path)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte(content), 0o644))
	}
}

func (s *site) Read(t *testing.T, claim string) map[string]string {
	root := s.root(t, claim)
	if root == "" {
		return nil
	}
	files := map[string]string{}
	require.NoError(t, filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		files[strings.TrimPrefix(path, root+"/")] = string(content)
		return err
	}))
	return files
}

// make makes an empty claim.
func (s *site) make(t *testing.T, name string) {
	_, err := s.client.CoreV1().PersistentVolumeClaims(s.namespace).Create(t.Context(), &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"app.kubernetes.io/instance": "gitops"}},
		Spec: corev1.PersistentVolumeClaimSpec{
			StorageClassName: &s.class,
			AccessModes:      []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources: corev1.VolumeResourceRequirements{
				Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("16Mi")},
			},
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
}

// root is where the driver keeps the volume of a claim, "" when there is no such
// claim. A claim that waits for a consumer is bound as the scheduler would do it for
// a pod.
func (s *site) root(t *testing.T, name string) string {
	ctx, claims := t.Context(), s.client.CoreV1().PersistentVolumeClaims(s.namespace)
	claim, err := claims.Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) || err == nil && claim.DeletionTimestamp != nil {
		return ""
	}
	require.NoError(t, err)
	if s.waits(t, claim) && claim.Spec.VolumeName == "" {
		nodes, err := s.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{Limit: 1})
		require.NoError(t, err)
		require.NotEmpty(t, nodes.Items)
		patch := `{"metadata":{"annotations":{"volume.kubernetes.io/selected-node":"` + nodes.Items[0].Name + `"}}}`
		_, err = claims.Patch(ctx, name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool {
		claim, err = claims.Get(ctx, name, metav1.GetOptions{})
		return err == nil && claim.Status.Phase == corev1.ClaimBound
	}, 20*time.Second, 20*time.Millisecond, "claim %s is not bound", name)
	pv, err := s.client.CoreV1().PersistentVolumes().Get(ctx, claim.Spec.VolumeName, metav1.GetOptions{})
	require.NoError(t, err)
	for _, dir := range filepath.SplitList(os.Getenv(volumesVariable)) {
		root := filepath.Join(dir, pv.Spec.CSI.VolumeHandle)
		if _, err := os.Stat(root); err == nil {
			return root
		}
	}
	require.Fail(t, "no such volume", "%s must name the directory of the test driver's volumes; %s is not in it", volumesVariable, pv.Spec.CSI.VolumeHandle)
	return ""
}

// waits reports whether the claim's class binds at the first consumer.
func (s *site) waits(t *testing.T, claim *corev1.PersistentVolumeClaim) bool {
	class, err := s.client.StorageV1().StorageClasses().Get(t.Context(), *claim.Spec.StorageClassName, metav1.GetOptions{})
	require.NoError(t, err)
	return class.VolumeBindingMode != nil && string(*class.VolumeBindingMode) == "WaitForFirstConsumer"
}
