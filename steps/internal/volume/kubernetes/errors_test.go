package kubernetes

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
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/step"
	"github.com/backube/scribe-gen/steps/internal/volume"
)

// answers serves one answer after the other and repeats the last.
func answers(t *testing.T, all ...http.HandlerFunc) (*Store, *atomic.Int32) {
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i := min(int(asked.Add(1)), len(all)) - 1
		w.Header().Set("Content-Type", "application/json")
		all[i](w, r)
	}))
	t.Cleanup(server.Close)
	store, err := Open(&rest.Config{Host: server.URL}, "wiki", slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	store.claims.patience, store.claims.grace = 5*time.Second, time.Second
	store.secrets.patience, store.secrets.grace = 5*time.Second, 300*time.Millisecond
	return store, &asked
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

const found = `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"keys"},"data":{"a":"MQ=="}}`

// A restart of the API server must not fail a step.
func TestUnansweredRequestsAreRepeated(t *testing.T) {
	store, asked := answers(t,
		hangUp,
		status(http.StatusServiceUnavailable, metav1.StatusReasonServiceUnavailable, "starting"),
		status(http.StatusInternalServerError, metav1.StatusReasonInternalError, "etcd has no leader"),
		status(http.StatusGatewayTimeout, metav1.StatusReasonTimeout, "slow"),
		body(found))
	data, err := store.Secret(t.Context(), "keys")
	require.NoError(t, err)
	assert.Equal(t, map[string][]byte{"a": []byte("1")}, data)
	assert.GreaterOrEqual(t, asked.Load(), int32(5))
}

func TestDeadlineNamesTheLastAnswer(t *testing.T) {
	store, _ := answers(t, status(http.StatusServiceUnavailable, metav1.StatusReasonServiceUnavailable, "starting"))
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err := store.Secret(ctx, "keys")
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
		"absent":  {status(404, metav1.StatusReasonNotFound, `secrets "keys" not found`), contract.ExitFailed, []string{"secret keys: not found"}},
	} {
		t.Run(name, func(t *testing.T) {
			store, asked := answers(t, test.answer)
			_, err := store.Secret(t.Context(), "keys")
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

// Without snapshots in the cluster, nothing of them can be left behind.
func TestClusterWithoutSnapshots(t *testing.T) {
	plain := func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "404 page not found", http.StatusNotFound) }
	store, _ := answers(t, body(`{"apiVersion":"v1","kind":"PersistentVolumeClaimList","metadata":{"resourceVersion":"1"},"items":[]}`), plain)
	removed, err := store.RemoveTemporary(t.Context(), volume.Owner{Relationship: "wiki-secondary"})
	require.NoError(t, err)
	assert.Empty(t, removed)

	_, err = store.Snapshots(t.Context(), "data", "wiki-secondary")
	require.ErrorContains(t, err, "CustomResourceDefinitions")
	assert.Equal(t, contract.ExitRefused, step.Code(err))
}

func TestPermanent(t *testing.T) {
	for message, want := range map[string]bool{
		"failed to provision volume with StorageClass \"plain\": CSI driver does not support clone operations: controller CLONE_VOLUME capability is not reported": true,
		"Volume provisioning failed with infeasible error. Retries will be delayed. rpc error: code = InvalidArgument desc = no":                                   true,
		`storageclass.storage.k8s.io "gp4" not found`:                                                         true,
		"rpc error: code = ResourceExhausted desc = no space":                                                 false,
		"rpc error: code = Internal desc = out of luck":                                                       false,
		"error getting handle for DataSource Type VolumeSnapshot by Name x: snapshot x is not Ready":          false,
		"rpc error: code = DeadlineExceeded desc = context deadline exceeded":                                 false,
		"error getting handle: requested volume size 1 is less than the size 2 for the source snapshot x":     true,
		"Waiting for a volume to be created either by the external provisioner 'x' or manually by the system": false,
	} {
		assert.Equal(t, want, permanent(message), message)
	}
}

func TestHopeless(t *testing.T) {
	for message, want := range map[string]bool{
		"cannot find default snapshot class":                                                            true,
		"Failed to create snapshot: 2 default snapshot classes were found":                              true,
		`failed to get input parameters: "volumesnapshotclass.snapshot.storage.k8s.io \"x\" not found"`: true,
		"rpc error: code = Internal desc = the array is on fire":                                        false,
		"the object has been modified; please apply your changes to the latest version":                 false,
	} {
		assert.Equal(t, want, hopeless(message), message)
	}
}

func TestOpenHere(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	t.Setenv("KUBECONFIG", "")
	_, err := OpenHere("", slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "--directory")
	assert.Equal(t, contract.ExitUsage, step.Code(err))
	t.Setenv("KUBECONFIG", t.TempDir()+"/absent")
	_, err = OpenHere("", slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "absent")
	assert.Equal(t, contract.ExitUsage, step.Code(err))
}
