//go:build e2e

package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/backube/scribe-gen/steps/contract"
)

func TestKeyRotation(t *testing.T) {
	proves(t, "keys rotate without a failed run: old and next key both work until the source has used the next, and then the old one is gone", onMixed, func(t *testing.T, on pair) {
		w := newWorld(t, on)
		data := w.seedPlain(w.class, 10)
		w.apply()
		w.connect()
		w.sync()
		before := w.secret(w.source, contract.PushSecret(w.rel))

		w.scribe(0, "keys", "--rotate")
		w.sync() // the source does not know the next key yet
		w.scribe(0, "connect")
		w.sync() // and now it does
		w.scribe(0, "keys")
		w.scribe(0, "connect")
		source, _ := w.sync()
		w.identical(data, w.replicaSnapshot(w.committed(source)))

		after := w.secret(w.source, contract.PushSecret(w.rel))
		assert.NotEqual(t, before[contract.KeyClient], after[contract.KeyClient])
		assert.NotEqual(t, before[contract.KeyHostPub], after[contract.KeyHostPub])
		w.setSecret(w.source, contract.PushSecret(w.rel), before)
		destination, source := w.startDestination(), w.startSource()
		w.failed(source) // the old key does not work any more
		w.stop(destination)
		w.clean()
	})
}

// secret is the content of a Secret.
func (w *world) secret(namespace, name string) map[string][]byte {
	w.t.Helper()
	s, err := w.kube.CoreV1().Secrets(namespace).Get(w.t.Context(), name, metav1.GetOptions{})
	require.NoError(w.t, err)
	return s.Data
}

// setSecret replaces the content of a Secret.
func (w *world) setSecret(namespace, name string, data map[string][]byte) {
	w.t.Helper()
	s, err := w.kube.CoreV1().Secrets(namespace).Get(w.t.Context(), name, metav1.GetOptions{})
	require.NoError(w.t, err)
	s.Data = data
	_, err = w.kube.CoreV1().Secrets(namespace).Update(w.t.Context(), s, metav1.UpdateOptions{})
	require.NoError(w.t, err)
}
