package cluster

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/step"
)

// serve answers one request after the other and repeats the last answer.
func serve(t *testing.T, all ...http.HandlerFunc) (Connection, *atomic.Int32) {
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i := min(int(asked.Add(1)), len(all)) - 1
		w.Header().Set("Content-Type", "application/json")
		all[i](w, r)
	}))
	t.Cleanup(server.Close)
	c, err := Connect(&rest.Config{Host: server.URL}, "wiki", slog.New(slog.DiscardHandler),
		Group{Version: corev1.SchemeGroupVersion, AddToScheme: corev1.AddToScheme})
	require.NoError(t, err)
	c.caller.patience, c.caller.grace = 5*time.Second, 300*time.Millisecond
	return c, &asked
}

// answers is the Secrets of such a server.
func answers(t *testing.T, all ...http.HandlerFunc) (Collection[*corev1.Secret], *atomic.Int32) {
	c, asked := serve(t, all...)
	return Typed(c, corev1.SchemeGroupVersion, "secrets",
		func() *corev1.Secret { return &corev1.Secret{} }, func() *corev1.SecretList { return &corev1.SecretList{} }), asked
}

func status(code int, reason metav1.StatusReason, message string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(metav1.Status{
			TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
			Status:   metav1.StatusFailure, Code: int32(code), Reason: reason, Message: message,
		})
	}
}

func body(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
}

func hangUp(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		_ = conn.Close()
	}
}

const stored = `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"keys"},"data":{"a":"MQ=="}}`

// A restart of the API server must not fail a step.
func TestUnansweredRequestsAreRepeated(t *testing.T) {
	secrets, asked := answers(t,
		hangUp,
		status(http.StatusServiceUnavailable, metav1.StatusReasonServiceUnavailable, "starting"),
		status(http.StatusInternalServerError, metav1.StatusReasonInternalError, "etcd has no leader"),
		status(http.StatusGatewayTimeout, metav1.StatusReasonTimeout, "slow"),
		body(stored))
	found, err := secrets.Get(t.Context(), "keys")
	require.NoError(t, err)
	assert.Equal(t, map[string][]byte{"a": []byte("1")}, found.Data)
	assert.GreaterOrEqual(t, asked.Load(), int32(5))
}

func TestDeadlineNamesTheLastAnswer(t *testing.T) {
	secrets, _ := answers(t, status(http.StatusServiceUnavailable, metav1.StatusReasonServiceUnavailable, "starting"))
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err := secrets.Get(ctx, "keys")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "get secrets keys")
	assert.ErrorContains(t, err, "starting")
}

func TestErrorsInWords(t *testing.T) {
	const denied = `secrets "keys" is forbidden: User "system:serviceaccount:wiki:robot" cannot get resource "secrets" in API group "" in the namespace "wiki"`
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		code   int
		words  []string
	}{
		"no role": {status(403, metav1.StatusReasonForbidden, denied), contract.ExitRefused,
			[]string{"system:serviceaccount:wiki:robot", "cannot get resource", "apply the bundle again"}},
		"no token": {status(401, metav1.StatusReasonUnauthorized, "Unauthorized"), contract.ExitRefused, []string{"token"}},
		"quota": {status(403, metav1.StatusReasonForbidden, `secrets "keys" is forbidden: exceeded quota: q, requested: secrets=1, used: secrets=1, limited: secrets=1`),
			contract.ExitFailed, []string{"exceeded quota", "raise the ResourceQuota"}},
		"policy":  {status(403, metav1.StatusReasonForbidden, `secrets "keys" is forbidden: no`), contract.ExitRefused, []string{"forbidden: no"}},
		"invalid": {status(422, metav1.StatusReasonInvalid, "data: Forbidden: field is immutable"), contract.ExitRefused, []string{"immutable"}},
		"absent":  {status(404, metav1.StatusReasonNotFound, `secrets "keys" not found`), contract.ExitFailed, []string{"get secrets keys", "not found"}},
	} {
		t.Run(name, func(t *testing.T) {
			secrets, asked := answers(t, test.answer)
			_, err := secrets.Get(t.Context(), "keys")
			require.Error(t, err)
			assert.Equal(t, test.code, step.Code(err))
			for _, words := range test.words {
				assert.ErrorContains(t, err, words)
			}
			// One that has just started forbids what it will allow in a moment.
			assert.Equal(t, name == "no role" || name == "no token", asked.Load() > 1)
		})
	}
}

// A resource that the cluster does not have at all is told apart from an object that
// is not there.
func TestResourceThatIsAbsent(t *testing.T) {
	plain := func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "404 page not found", http.StatusNotFound) }
	c, _ := serve(t, plain)
	runs, err := c.Untyped(schema.GroupVersionResource{Group: "tekton.dev", Version: "v1", Resource: "pipelineruns"})
	require.NoError(t, err)
	_, _, err = runs.List(t.Context(), metav1.ListOptions{})
	require.ErrorContains(t, err, "list pipelineruns")
	require.ErrorContains(t, err, "CustomResourceDefinition")
	assert.True(t, IsUnknown(err))
	_, _, err = runs.Absent(func(err error) error { return step.Usage("no Tekton: %w", err) }).List(t.Context(), metav1.ListOptions{})
	require.ErrorContains(t, err, "no Tekton")
	assert.True(t, IsUnknown(err))
	assert.Equal(t, contract.ExitUsage, step.Code(err))

	there, _ := serve(t, body(`{"apiVersion":"tekton.dev/v1","kind":"PipelineRunList","metadata":{"resourceVersion":"7"},"items":[{"kind":"PipelineRun","apiVersion":"tekton.dev/v1","metadata":{"name":"a"}}]}`))
	runs, err = there.Untyped(schema.GroupVersionResource{Group: "tekton.dev", Version: "v1", Resource: "pipelineruns"})
	require.NoError(t, err)
	found, version, err := runs.List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	require.Len(t, found, 1)
	assert.Equal(t, "a", found[0].GetName())
	assert.Equal(t, "7", version)
}

func TestHere(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	t.Setenv("KUBECONFIG", "")
	_, _, err := Here("")
	require.ErrorIs(t, err, ErrNone)
	assert.Equal(t, contract.ExitUsage, step.Code(err))
}
