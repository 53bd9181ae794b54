package boot_test

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/backube/scribe-gen/test/cluster/boot"
	"github.com/backube/scribe-gen/test/cluster/build"
	"github.com/backube/scribe-gen/test/cluster/image"
)

// The clusters of this test, named so that nobody else's are meant.
const (
	nodeName  = "boot-test"
	otherName = "boot-test-other"
)

const probeImage = "localhost/scribe-test/probe:1"

// TestCluster takes a cluster through its life. The order of the parts matters:
// each finds what the one before left.
func TestCluster(t *testing.T) {
	if testing.Short() {
		t.Skip("makes clusters")
	}
	require.Zero(t, os.Geteuid(), "a cluster needs root")
	buildAll(t)
	ctx, cancel := context.WithTimeout(t.Context(), 12*time.Minute)
	defer cancel()
	t.Cleanup(func() {
		for _, name := range []string{nodeName, otherName} {
			assert.NoError(t, boot.Down(context.WithoutCancel(ctx), name))
		}
	})
	killUp(t, ctx)

	c := up(t, ctx, boot.Options{Name: nodeName})
	s := newSuite(t, c)
	for _, part := range []struct {
		name string
		run  func(*testing.T, context.Context)
	}{
		{"AdoptedAtOnce", s.adopted},
		{"VolumesOfEveryClass", s.volumes},
		{"NamesAndServices", s.services},
		{"AuditLog", s.audit},
		{"Tekton", s.tekton},
		{"RestartedPrograms", s.restarts},
		{"BrokenOneIsMadeAnew", s.broken},
		{"CutFromAnotherCluster", s.cut},
		{"NothingIsLeft", s.down},
	} {
		if !t.Run(part.name, func(t *testing.T) { part.run(t, ctx) }) {
			return
		}
	}
}

// buildAll has everything in the cache that clusters are made of. Where nothing is, and
// others build as well, that takes longer than the limits of the test allow for.
func buildAll(t *testing.T) {
	b, err := build.New(slog.New(slog.NewTextHandler(t.Output(), nil)))
	require.NoError(t, err)
	for _, c := range build.All() {
		_, err := b.Ensure(t.Context(), c)
		require.NoError(t, err)
	}
}

// killUp starts up and kills it while the API server starts, so that the next
// one finds half a cluster.
func killUp(t *testing.T, ctx context.Context) {
	tool := filepath.Join(t.TempDir(), "cluster")
	out, err := exec.CommandContext(ctx, "go", "build", "-o", tool, "..").CombinedOutput()
	require.NoError(t, err, "%s", out)
	cmd := exec.CommandContext(ctx, tool, "up", "--name", nodeName)
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	record := filepath.Join(boot.Root, nodeName, "records", boot.APIServer+".json")
	assert.Eventually(t, func() bool { _, err := os.Stat(record); return err == nil }, 2*time.Minute, 10*time.Millisecond,
		"up has started the API server")
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	list, err := boot.List(ctx)
	require.NoError(t, err)
	for _, s := range list {
		if s.Name == nodeName {
			assert.False(t, s.Healthy)
			assert.Contains(t, s.Problem, "left by an up")
		}
	}
}

func up(t *testing.T, ctx context.Context, o boot.Options) *boot.Cluster {
	t.Helper()
	o.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	c, err := boot.Up(ctx, o)
	require.NoError(t, err)
	return c
}

// suite is what the parts share.
type suite struct {
	cluster *boot.Cluster
	kube    kubernetes.Interface
}

func newSuite(t *testing.T, c *boot.Cluster) *suite {
	return &suite{cluster: c, kube: client(t, c.Kubeconfig)}
}

func client(t *testing.T, kubeconfig string) kubernetes.Interface {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	require.NoError(t, err)
	kube, err := kubernetes.NewForConfig(config)
	require.NoError(t, err)
	return kube
}

// loadProbe loads the image of the pods of this test.
func loadProbe(t *testing.T, ctx context.Context, c *boot.Cluster) {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(dir, "probe"), "../probe")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	i := image.Image{Reference: probeImage, Files: map[string]string{"/bin/probe": filepath.Join(dir, "probe")}, Entrypoint: []string{"probe"}}
	require.NoError(t, i.Write(filepath.Join(dir, "probe.tar")))
	require.NoError(t, c.LoadImage(ctx, filepath.Join(dir, "probe.tar")))
	require.NoError(t, c.LoadImage(ctx, filepath.Join(dir, "probe.tar")), "again")
	assert.Error(t, c.LoadImage(ctx, filepath.Join(dir, "absent.tar")))
}

// pod returns a pod that runs the probe once, with a claim at /data if one is
// named.
func pod(name, claim string, args ...string) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"app": name}},
		Spec: corev1.PodSpec{
			RestartPolicy: corev1.RestartPolicyNever,
			Containers:    []corev1.Container{{Name: "main", Image: probeImage, ImagePullPolicy: corev1.PullNever, Args: args}},
		},
	}
	if claim != "" {
		p.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "data", MountPath: "/data"}}
		p.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim}}}}
	}
	return p
}

// run makes a pod and waits until it is in one of the phases.
func (s *suite) run(t *testing.T, ctx context.Context, p *corev1.Pod, phase corev1.PodPhase) *corev1.Pod {
	t.Helper()
	_, err := s.kube.CoreV1().Pods("default").Create(ctx, p, metav1.CreateOptions{})
	require.NoError(t, err)
	return s.awaitPhase(t, ctx, p.Name, phase)
}

func (s *suite) awaitPhase(t *testing.T, ctx context.Context, name string, phase corev1.PodPhase) (got *corev1.Pod) {
	t.Helper()
	require.EventuallyWithT(t, func(t *assert.CollectT) {
		var err error
		got, err = s.kube.CoreV1().Pods("default").Get(ctx, name, metav1.GetOptions{})
		require.NoError(t, err)
		assert.Equal(t, phase, got.Status.Phase, "%s: %+v", name, got.Status.ContainerStatuses)
	}, time.Minute, 100*time.Millisecond)
	return got
}

// logs returns what a pod printed, through the API server and the kubelet.
func (s *suite) logs(ctx context.Context, name string) string {
	raw, err := s.kube.CoreV1().Pods("default").GetLogs(name, &corev1.PodLogOptions{}).DoRaw(ctx)
	if err != nil {
		return err.Error()
	}
	return string(raw)
}
