package follow

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	kubetesting "k8s.io/client-go/testing"
)

func client() *fake.Clientset {
	return fake.NewClientset(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "a", Namespace: "n"}})
}

func first(o *corev1.Secret, _ bool) (bool, error) { return o.Name == "a", nil }

// A connection that is lost is told once and made again.
func TestUntilReconnects(t *testing.T) {
	c := client()
	var calls, lost atomic.Int32
	c.PrependReactor("list", "secrets", func(kubetesting.Action) (bool, runtime.Object, error) {
		return calls.Add(1) < 3, &corev1.SecretList{}, errors.New("connection refused")
	})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	require.NoError(t, Until(ctx, c.CoreV1().Secrets("n"), Which{}, func(error) { lost.Add(1) }, first))
	assert.Equal(t, int32(1), lost.Load())
}

// A right that is missing is not waited for.
func TestUntilIsForbidden(t *testing.T) {
	c := client()
	c.PrependReactor("list", "secrets", func(kubetesting.Action) (bool, runtime.Object, error) {
		return true, &corev1.SecretList{}, apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "", errors.New("no"))
	})
	err := Until(t.Context(), c.CoreV1().Secrets("n"), Which{}, nil, first)
	assert.True(t, apierrors.IsForbidden(err), "%v", err)
}

func TestUntilEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	cancel(why)
	assert.ErrorIs(t, Until(ctx, client().CoreV1().Secrets("n"), Which{}, nil, first), why)
	boom := errors.New("boom")
	err := Until(t.Context(), client().CoreV1().Secrets("n"), Which{}, nil,
		func(*corev1.Secret, bool) (bool, error) { return false, boom })
	assert.ErrorIs(t, err, boom)
}
