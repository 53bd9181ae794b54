package kubernetes

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/step"
	"github.com/backube/scribe-gen/steps/internal/volume"
)

// answers serves one answer after the other and repeats the last.
func answers(t *testing.T, all ...http.HandlerFunc) *Store {
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		all[min(int(asked.Add(1)), len(all))-1](w, r)
	}))
	t.Cleanup(server.Close)
	store, err := Open(&rest.Config{Host: server.URL}, "wiki", slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	return store
}

func body(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
}

// Without snapshots in the cluster, nothing of them can be left behind.
func TestClusterWithoutSnapshots(t *testing.T) {
	plain := func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "404 page not found", http.StatusNotFound) }
	store := answers(t, body(`{"apiVersion":"v1","kind":"PersistentVolumeClaimList","metadata":{"resourceVersion":"1"},"items":[]}`), plain)
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
