package remote

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v4/apis/volumesnapshot/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"

	"github.com/backube/scribe-gen/generator/manifest"
	"github.com/backube/scribe-gen/steps/contract"
)

func bundle(t *testing.T, data string) manifest.Bundle {
	t.Helper()
	b, err := manifest.NewBundle("dr", "wiki", []manifest.Object{
		&corev1.ConfigMap{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"}, ObjectMeta: meta1("texts", nil), Data: map[string]string{"a": data}},
		&corev1.PersistentVolumeClaim{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "PersistentVolumeClaim"}, ObjectMeta: meta1("data", nil)},
		&rbacv1.ClusterRole{TypeMeta: metav1.TypeMeta{APIVersion: "rbac.authorization.k8s.io/v1", Kind: "ClusterRole"}, ObjectMeta: metav1.ObjectMeta{Name: "wiki-dr:x"}},
	})
	require.NoError(t, err)
	return b
}

func TestApplyTellsWhatChanged(t *testing.T) {
	s := newSession(t)
	apply := func(data string) (text []string) {
		objects, err := Objects(bundle(t, data))
		require.NoError(t, err)
		changes, err := s.Apply(t.Context(), objects, false)
		require.NoError(t, err)
		for _, c := range changes {
			text = append(text, c.String()+" "+string(c.Done))
		}
		return text
	}
	assert.Equal(t, []string{"ClusterRole wiki-dr:x created", "ConfigMap texts created", "PersistentVolumeClaim data created"}, apply("1"))
	assert.Equal(t, []string{"ClusterRole wiki-dr:x unchanged", "ConfigMap texts unchanged", "PersistentVolumeClaim data unchanged"}, apply("1"))
	assert.Equal(t, []string{"ClusterRole wiki-dr:x unchanged", "ConfigMap texts changed", "PersistentVolumeClaim data unchanged"}, apply("2"))
}

// What was created goes, last first; a claim stays, and so does what was there.
func TestRemove(t *testing.T) {
	s := newSession(t)
	objects, err := Objects(bundle(t, "1"))
	require.NoError(t, err)
	_, err = s.Apply(t.Context(), objects[:1], false)
	require.NoError(t, err)
	changes, err := s.Apply(t.Context(), objects, false)
	require.NoError(t, err)
	removed, err := s.Remove(t.Context(), changes)
	require.NoError(t, err)
	require.Len(t, removed, 1)
	assert.Equal(t, "ConfigMap texts", removed[0].String())
}

func TestApplyOfAKindThatIsNotThere(t *testing.T) {
	s := newSession(t)
	b, err := manifest.NewBundle("dr", "wiki", []manifest.Object{
		&corev1.Service{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Service"}, ObjectMeta: meta1("x", nil)},
	})
	require.NoError(t, err)
	objects, err := Objects(b)
	require.NoError(t, err)
	_, err = s.Apply(t.Context(), objects, false)
	assert.EqualError(t, err, "site dr: context east, namespace wiki-dr: apply Service x: the cluster has no kind Service of v1")
	var hint *NoKindError
	assert.ErrorAs(t, err, &hint)
}

func TestSecrets(t *testing.T) {
	s := newSession(t)
	done, err := s.PutSecret(t.Context(), "keys", map[string][]byte{"a": []byte("1"), "b": []byte("2")}, Labels("wiki", "wiki-dr"), false)
	require.NoError(t, err)
	assert.Equal(t, Created, done)
	done, err = s.PutSecret(t.Context(), "keys", map[string][]byte{"a": []byte("1"), "b": []byte("2")}, Labels("wiki", "wiki-dr"), false)
	require.NoError(t, err)
	assert.Equal(t, Unchanged, done)
	done, err = s.PutSecret(t.Context(), "keys", map[string][]byte{"a": []byte("3")}, Labels("wiki", "wiki-dr"), false)
	require.NoError(t, err)
	assert.Equal(t, Changed, done)
	data, err := s.Secret(t.Context(), "keys")
	require.NoError(t, err)
	assert.Equal(t, map[string][]byte{"a": []byte("3")}, data, "what is no longer there goes")
	got, err := s.Core.CoreV1().Secrets("wiki-dr").Get(t.Context(), "keys", metav1.GetOptions{})
	require.NoError(t, err)
	assert.Equal(t, map[string]string{
		contract.LabelReplication: "wiki", contract.LabelRelationship: "wiki-dr", "app.kubernetes.io/managed-by": "scribe-gen",
	}, got.Labels)
}

// A Secret that is made while somebody waits for it is found.
func TestAwaitSecret(t *testing.T) {
	s := newSession(t)
	missing := errors.New("not complete")
	full := func(data map[string][]byte) error {
		if data["b"] == nil {
			return missing
		}
		return nil
	}
	_, err := s.AwaitSecret(t.Context(), 0, "keys", full)
	assert.ErrorIs(t, err, missing)
	whenWatched(s, func() {
		client := s.Core.CoreV1().Secrets("wiki-dr")
		_, err := client.Create(context.Background(), &corev1.Secret{ObjectMeta: meta1("keys", nil), Data: map[string][]byte{"a": nil}}, metav1.CreateOptions{})
		assert.NoError(t, err)
		_, err = client.Update(context.Background(), &corev1.Secret{ObjectMeta: meta1("keys", nil), Data: map[string][]byte{"b": {1}}}, metav1.UpdateOptions{})
		assert.NoError(t, err)
	})
	data, err := s.AwaitSecret(t.Context(), UntilEnd, "keys", full)
	require.NoError(t, err)
	assert.Contains(t, data, "b")
	_, err = s.AwaitSecret(t.Context(), 10*time.Millisecond, "others", full)
	assert.ErrorContains(t, err, "wait for Secret others: not complete: not within 10ms")
}

func TestAwaitLoadBalancer(t *testing.T) {
	service := &corev1.Service{ObjectMeta: meta1("listener", nil)}
	s := newSession(t, service.DeepCopy())
	_, err := s.AwaitLoadBalancer(t.Context(), 0, "listener")
	assert.ErrorContains(t, err, "no address yet")
	whenWatched(s, func() {
		service.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: "198.18.200.1"}}
		_, err := s.Core.CoreV1().Services("wiki-dr").UpdateStatus(context.Background(), service, metav1.UpdateOptions{})
		assert.NoError(t, err)
	})
	address, err := s.AwaitLoadBalancer(t.Context(), UntilEnd, "listener")
	require.NoError(t, err)
	assert.Equal(t, "198.18.200.1", address)
	_, err = s.AwaitLoadBalancer(t.Context(), UntilEnd, "nothing")
	assert.ErrorContains(t, err, "get Service nothing")
}

func TestStateAndSnapshots(t *testing.T) {
	s := newSession(t, &corev1.ConfigMap{
		ObjectMeta: meta1(contract.StateName("wiki-dr"), nil),
		Data:       map[string]string{contract.StateKey: `{"relationship":"wiki-dr","last":{"run":"r1","recoveryPoint":"2026-11-20T09:15:00Z"}}`},
	})
	state, err := s.State(t.Context(), "wiki-dr")
	require.NoError(t, err)
	assert.Equal(t, "r1", state.Last.Run)
	state, err = s.State(t.Context(), "other")
	require.NoError(t, err)
	assert.Nil(t, state.Last)

	claim, ready, problem := "data", true, "no space"
	of := map[string]string{contract.LabelRelationship: "wiki-dr"}
	point := func(at, run string) map[string]string {
		return map[string]string{contract.AnnotationRecoveryPoint: at, contract.AnnotationRunID: run}
	}
	for _, v := range []snapshotv1.VolumeSnapshot{
		{ObjectMeta: metav1.ObjectMeta{Name: "old", Labels: of, Annotations: point("2026-11-20T09:00:00Z", "r0")}, Status: &snapshotv1.VolumeSnapshotStatus{ReadyToUse: &ready}},
		{ObjectMeta: metav1.ObjectMeta{Name: "new", Labels: of, Annotations: point("2026-11-20T09:15:00Z", "r1")}, Status: &snapshotv1.VolumeSnapshotStatus{Error: &snapshotv1.VolumeSnapshotError{Message: &problem}}},
		{ObjectMeta: metav1.ObjectMeta{Name: "copy", Labels: map[string]string{contract.LabelRelationship: "wiki-dr", contract.LabelTemporary: "true"}}},
		{ObjectMeta: metav1.ObjectMeta{Name: "other", Labels: map[string]string{contract.LabelRelationship: "x"}, Annotations: point("2026-11-20T09:15:00Z", "r1")}},
	} {
		v.Spec.Source.PersistentVolumeClaimName = &claim
		_, err := s.Snapshots.SnapshotV1().VolumeSnapshots("wiki-dr").Create(t.Context(), &v, metav1.CreateOptions{})
		require.NoError(t, err)
	}
	found, err := s.ReplicaSnapshots(t.Context(), "wiki-dr")
	require.NoError(t, err)
	require.Len(t, found, 2)
	assert.Equal(t, "new", found[0].Name)
	assert.False(t, found[0].Ready)
	assert.Equal(t, "no space", found[0].Problem)
	assert.True(t, found[1].Ready)
	assert.Equal(t, "data", found[1].Claim)
}

func TestForbiddenSaysWhatIsMissing(t *testing.T) {
	s := newSession(t)
	forbid(&s.Core.(*fake.Clientset).Fake, "get", "secrets")
	_, err := s.Secret(t.Context(), "keys")
	var request *RequestError
	require.ErrorAs(t, err, &request)
	assert.Equal(t, "get", request.Verb)
	assert.Contains(t, err.Error(), "site dr: context east, namespace wiki-dr: get Secret keys: ")
	assert.Contains(t, request.Hint(), "`kubectl --context east -n wiki-dr auth can-i --list`")
}

func TestOpen(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config")
	require.NoError(t, os.WriteFile(file, []byte(`{"apiVersion":"v1","kind":"Config","current-context":"a",
"clusters":[{"name":"c","cluster":{"server":"https://198.18.0.1"}}],"users":[{"name":"u","user":{"token":"t"}}],
"contexts":[{"name":"a","context":{"cluster":"c","user":"u"}},{"name":"b","context":{"cluster":"c","user":"u"}}]}`), 0o600))
	access := Access{Site: "dr", Namespace: "wiki-dr", Kubeconfig: file,
		Engine: func(*rest.Config, string) (Engine, error) { return &fakeEngine{}, nil }}
	s, err := Open(access)
	require.NoError(t, err)
	assert.Equal(t, "a", s.Context, "the current one")
	assert.Equal(t, "https://198.18.0.1", s.Host)
	access.Context = "b"
	s, err = Open(access)
	require.NoError(t, err)
	assert.Equal(t, "b", s.Context)
	access.Context = "c"
	_, err = Open(access)
	assert.ErrorContains(t, err, `site dr: no kubeconfig context "c": there are a, b`)
}
