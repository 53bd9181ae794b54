package boot_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/backube/scribe-gen/test/cluster/boot"
)

func (s *suite) adopted(t *testing.T, ctx context.Context) {
	before := s.pids(t, ctx)
	c := up(t, ctx, boot.Options{Name: nodeName})
	assert.Equal(t, s.cluster.Kubeconfig, c.Kubeconfig)
	assert.Equal(t, before, s.pids(t, ctx), "nothing was started again")
}

// pids returns the process of each program, after checking that it is healthy.
func (s *suite) pids(t *testing.T, ctx context.Context) map[string]int {
	t.Helper()
	list, err := boot.List(ctx)
	require.NoError(t, err)
	pids := map[string]int{}
	for _, c := range list {
		if c.Name != s.cluster.Name {
			continue
		}
		assert.True(t, c.Healthy, "%+v", c)
		for _, p := range c.Programs {
			assert.FileExists(t, p.Log)
			pids[p.Name] = p.PID
		}
	}
	assert.Len(t, pids, len(s.cluster.Programs()))
	return pids
}

func (s *suite) volumes(t *testing.T, ctx context.Context) {
	loadProbe(t, ctx, s.cluster)
	classes := []string{"fast", "wffc", "plain", "plain-wffc", "capped", ""}
	for _, class := range classes {
		name := "data-" + class + "x"
		claim := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("64Mi")}},
		}}
		if class != "" {
			claim.Spec.StorageClassName = &class
		}
		_, err := s.kube.CoreV1().PersistentVolumeClaims("default").Create(ctx, claim, metav1.CreateOptions{})
		require.NoError(t, err)
		_, err = s.kube.CoreV1().Pods("default").Create(ctx, pod(name, name, "write", "/data/file"), metav1.CreateOptions{})
		require.NoError(t, err)
	}
	for _, class := range classes {
		s.awaitPhase(t, ctx, "data-"+class+"x", corev1.PodSucceeded)
	}
}

func (s *suite) services(t *testing.T, ctx context.Context) {
	web := s.run(t, ctx, pod("web", "", "serve", ":8080"), corev1.PodRunning)
	service, err := s.kube.CoreV1().Services("default").Create(ctx, &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec:       corev1.ServiceSpec{Selector: map[string]string{"app": "web"}, Ports: []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromInt32(8080)}}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	s.run(t, ctx, pod("asks", "", "get", "http://web.default.svc.cluster.local"), corev1.PodSucceeded)
	assert.Equal(t, "hello", s.logs(ctx, "asks"))
	// The host reaches both, over the link of management.
	for _, address := range []string{web.Status.PodIP + ":8080", service.Spec.ClusterIP + ":80"} {
		conn, err := net.DialTimeout("tcp", address, 5*time.Second)
		if assert.NoError(t, err) {
			_ = conn.Close()
		}
	}
}

func (s *suite) audit(t *testing.T, ctx context.Context) {
	token, err := s.kube.CoreV1().ServiceAccounts("default").CreateToken(ctx, "default", &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	require.NoError(t, err)
	config, err := clientcmd.BuildConfigFromFlags("", s.cluster.Kubeconfig)
	require.NoError(t, err)
	config = rest.AnonymousClientConfig(config)
	config.BearerToken = token.Status.Token
	account, err := kubernetes.NewForConfig(config)
	require.NoError(t, err)
	_, err = account.CoreV1().Secrets("default").Get(ctx, "absent", metav1.GetOptions{})
	require.ErrorContains(t, err, "forbidden", "rights are checked")

	raw, err := os.ReadFile(s.cluster.AuditLog)
	require.NoError(t, err)
	found := false
	for line := range strings.Lines(string(raw)) {
		var event struct {
			User      struct{ Username string }
			Verb      string
			ObjectRef struct{ Resource, Name string }
		}
		require.NoError(t, json.Unmarshal([]byte(line), &event))
		assert.True(t, strings.HasPrefix(event.User.Username, "system:serviceaccount:"), event.User.Username)
		found = found || event.Verb == "get" && event.ObjectRef.Resource == "secrets" && event.ObjectRef.Name == "absent"
	}
	assert.True(t, found)
}

func (s *suite) restarts(t *testing.T, ctx context.Context) {
	before := s.pids(t, ctx)
	for _, program := range []string{boot.APIServer, boot.Driver, boot.Kubelet, boot.WorkflowController, boot.TektonController, boot.TektonWebhook} {
		require.NoError(t, s.cluster.Stop(ctx, program))
		require.NoError(t, s.cluster.Stop(ctx, program), "again")
		require.NoError(t, s.cluster.Start(ctx, program))
	}
	require.NoError(t, s.cluster.Restart(ctx, boot.Scheduler))
	require.ErrorContains(t, s.cluster.Restart(ctx, "nothing"), "nothing")
	after := s.pids(t, ctx)
	for name := range before {
		switch name {
		case boot.APIServer, boot.Driver, boot.Kubelet, boot.WorkflowController, boot.Scheduler, boot.TektonController, boot.TektonWebhook:
			assert.NotEqual(t, before[name], after[name], name)
		default:
			assert.Equal(t, before[name], after[name], name)
		}
	}
	s.run(t, ctx, pod("after-restart", "data-fastx", "write", "/data/again"), corev1.PodSucceeded)
	s.talk(t, ctx, "after-restart")
}

func (s *suite) broken(t *testing.T, ctx context.Context) {
	require.NoError(t, s.cluster.Stop(ctx, boot.Etcd))
	s.cluster = up(t, ctx, boot.Options{Name: nodeName})
	s.kube = client(t, s.cluster.Kubeconfig)
	pods, err := s.kube.CoreV1().Pods("default").List(ctx, metav1.ListOptions{})
	require.NoError(t, err)
	assert.Empty(t, pods.Items)
	loadProbe(t, ctx, s.cluster)
}

func (s *suite) cut(t *testing.T, ctx context.Context) {
	other := up(t, ctx, boot.Options{Name: otherName, ControlPlane: true})
	require.ErrorContains(t, other.LoadImage(ctx, "x.tar"), "control plane")
	admitted(t, ctx, other)
	assert.NotEqual(t, authority(t, ctx, s.cluster), authority(t, ctx, other), "each has a certificate of its own")
	s.run(t, ctx, pod("dials", "", "dial", fmt.Sprintf("%s:6443", other.NodeAddress)), corev1.PodRunning)
	said := func(want ...string) {
		t.Helper()
		assert.EventuallyWithT(t, func(t *assert.CollectT) {
			assert.Equal(t, want, strings.Fields(s.logs(ctx, "dials")))
		}, 20*time.Second, 100*time.Millisecond)
	}
	said("accepts")
	require.NoError(t, other.Cut(ctx))
	said("accepts", "silent")
	_, err := client(t, other.Kubeconfig).Discovery().ServerVersion()
	assert.NoError(t, err, "the host still reaches it")
	require.NoError(t, other.Heal(ctx))
	said("accepts", "silent", "accepts")
	require.NoError(t, other.Down(ctx))
	assert.NoDirExists(t, filepath.Join(boot.Root, otherName))
}
