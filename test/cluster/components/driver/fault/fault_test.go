package fault_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/backube/scribe-gen/test/cluster/components/driver/fault"
)

func TestParameters(t *testing.T) {
	f, err := fault.ForVolumes(map[string]string{
		"backing": "image", "fault.delay": "1m30s", "fault.code": "ResourceExhausted", "fault.times": "2", "fault.on": "clone",
	})
	require.NoError(t, err)
	assert.Equal(t, fault.Fault{
		Delay: 90 * time.Second, Code: codes.ResourceExhausted, Message: "injected fault", Times: 2, On: fault.Clone,
	}, f)
	assert.True(t, f.Applies(fault.Clone))
	assert.False(t, f.Applies(fault.Restore))
	assert.False(t, f.Applies(""))

	f, err = fault.ForSnapshots(map[string]string{"fault.error": "no space for you", "fault.readyAfter": "never"})
	require.NoError(t, err)
	assert.Equal(t, fault.Fault{Code: codes.Internal, Message: "no space for you", ReadyAfter: fault.Never}, f)
	assert.True(t, f.Applies(""))
}

func TestRefusedParameters(t *testing.T) {
	for key, value := range map[string]string{
		"fault.delay": "-1s", "fault.code": "RESOURCE", "fault.times": "0", "fault.on": "tuesday",
		"fault.dealy": "1s", "fault.readyAfter": "1s",
	} {
		_, err := fault.ForVolumes(map[string]string{key: value, "fault.error": "x"})
		assert.ErrorContains(t, err, key)
	}
	_, err := fault.ForSnapshots(map[string]string{"fault.times": "1"})
	assert.ErrorContains(t, err, "fault.error")
	_, err = fault.ForSnapshots(map[string]string{"fault.on": "clone"})
	assert.ErrorContains(t, err, "readyAfter")
}

func TestTimesCountPerName(t *testing.T) {
	i := fault.NewInjector()
	f := fault.Fault{Code: codes.Unavailable, Message: "not yet", Times: 2}
	for range 2 {
		err := i.Inject(t.Context(), "a", f)
		assert.Equal(t, codes.Unavailable, status.Code(err))
		assert.ErrorContains(t, err, "not yet")
	}
	assert.NoError(t, i.Inject(t.Context(), "a", f))
	assert.Error(t, i.Inject(t.Context(), "b", f))
}

func TestDelayCountsFromFirstCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := fault.NewInjector()
		f := fault.Fault{Delay: time.Minute}
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		assert.Equal(t, codes.DeadlineExceeded, status.Code(i.Inject(ctx, "a", f)))
		assert.Equal(t, 10*time.Second, time.Since(start), "the call ends with its context")
		require.NoError(t, i.Inject(t.Context(), "a", f))
		assert.Equal(t, time.Minute, time.Since(start), "the second call waits for the rest")
		require.NoError(t, i.Inject(t.Context(), "a", f))
		assert.Equal(t, time.Minute, time.Since(start))
		require.NoError(t, i.Inject(t.Context(), "b", f))
		assert.Equal(t, 2*time.Minute, time.Since(start), "another name waits for itself")
	})
}
