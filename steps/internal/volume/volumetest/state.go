package volumetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/volume"
)

var stateTests = map[string]func(*testing.T, Harness){
	"there is none at first": func(t *testing.T, h Harness) {
		state, version, err := h.Store().Load(t.Context(), relationship)
		require.NoError(t, err)
		assert.Zero(t, state)
		assert.Empty(t, version)
	},
	"round trip": func(t *testing.T, h Harness) {
		want := contract.State{
			Relationship: relationship,
			Last:         &contract.Commit{Run: "run-1", RecoveryPoint: point(1), Snapshot: "s", Time: point(2), Totals: contract.Totals{Entries: 1, Bytes: 1 << 60}, Digest: "d"},
			Promoted:     &contract.Promotion{Snapshot: "s", Claim: "c", RecoveryPoint: point(1), Time: point(3), Complete: true},
			Paused:       &contract.Pause{Reason: "new\nline", Time: point(4)},
			ClientKey:    "SHA256:x",
		}
		require.NoError(t, h.Store().Save(t.Context(), want, ""))
		got, version, err := h.Store().Load(t.Context(), relationship)
		require.NoError(t, err)
		assert.Equal(t, want, got)
		assert.NotEmpty(t, version)
		other, _, err := h.Store().Load(t.Context(), "shop-secondary")
		require.NoError(t, err)
		assert.Zero(t, other)
	},
	"a save with an old version is refused": func(t *testing.T, h Harness) {
		state := contract.State{Relationship: relationship, ClientKey: "first"}
		require.NoError(t, h.Store().Save(t.Context(), state, ""))
		require.ErrorIs(t, h.Store().Save(t.Context(), state, ""), volume.ErrConflict)
		_, version, err := h.Store().Load(t.Context(), relationship)
		require.NoError(t, err)
		state.ClientKey = "second"
		require.NoError(t, h.Store().Save(t.Context(), state, version))
		state.ClientKey = "third"
		require.ErrorIs(t, h.Store().Save(t.Context(), state, version), volume.ErrConflict)
		got, _, err := h.Store().Load(t.Context(), relationship)
		require.NoError(t, err)
		assert.Equal(t, "second", got.ClientKey)
	},
	"no update of many writers is lost": func(t *testing.T, h Harness) {
		const writers, each = 8, 10
		var all sync.WaitGroup
		for range writers {
			all.Go(func() {
				for range each {
					_, err := volume.Update(t.Context(), h.Store(), relationship, func(s *contract.State) error {
						if s.Last == nil {
							s.Last = &contract.Commit{}
						}
						s.Last.Totals.Files++
						return nil
					})
					assert.NoError(t, err)
				}
			})
		}
		all.Wait()
		state, _, err := h.Store().Load(t.Context(), relationship)
		require.NoError(t, err)
		assert.EqualValues(t, writers*each, state.Last.Totals.Files)
	},
	"an update that fails saves nothing": func(t *testing.T, h Harness) {
		refused := errors.New("refused")
		_, err := volume.Update(t.Context(), h.Store(), relationship, func(*contract.State) error { return refused })
		require.ErrorIs(t, err, refused)
		_, version, err := h.Store().Load(t.Context(), relationship)
		require.NoError(t, err)
		assert.Empty(t, version)
	},
	"a watcher sees the last change": func(t *testing.T, h Harness) {
		ctx, cancel := context.WithCancel(t.Context())
		states, err := h.Store().Watch(ctx, relationship)
		require.NoError(t, err)
		assert.Zero(t, receive(t, states))
		for i := range 20 {
			_, err := volume.Update(t.Context(), h.Store(), relationship, func(s *contract.State) error {
				s.ClientKey = fmt.Sprint(i)
				return nil
			})
			require.NoError(t, err)
		}
		for receive(t, states).ClientKey != "19" {
		}
		cancel()
		for range states {
		}
	},
}

func receive(t *testing.T, states <-chan contract.State) contract.State {
	t.Helper()
	select {
	case state, ok := <-states:
		require.True(t, ok, "the watch ended")
		return state
	case <-time.After(10 * time.Second):
		require.Fail(t, "no state was sent")
		return contract.State{}
	}
}

var secretTests = map[string]func(*testing.T, Harness){
	"round trip": func(t *testing.T, h Harness) {
		want := map[string][]byte{"host.key": {0, 1, 2, 255}, "client.pub": []byte("ssh-ed25519 AAAA\n"), "empty": {}}
		require.NoError(t, h.Store().PutSecret(t.Context(), "keys", owner("run-1"), want))
		got, err := h.Store().Secret(t.Context(), "keys")
		require.NoError(t, err)
		assert.Equal(t, want, got)
	},
	"replacing drops keys": func(t *testing.T, h Harness) {
		for _, data := range []map[string][]byte{
			{"a": []byte("1"), "b": []byte("1")}, {"a": []byte("2"), "c": []byte("2")}, {"a": []byte("2"), "c": []byte("2")},
		} {
			require.NoError(t, h.Store().PutSecret(t.Context(), "keys", owner("run-1"), data))
			got, err := h.Store().Secret(t.Context(), "keys")
			require.NoError(t, err)
			assert.Equal(t, data, got)
		}
	},
	"an unknown one": func(t *testing.T, h Harness) {
		_, err := h.Store().Secret(t.Context(), "keys")
		assert.ErrorIs(t, err, volume.ErrNotFound)
	},
}
