package keys

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/link"
	"github.com/backube/scribe-gen/steps/internal/volume"
	"github.com/backube/scribe-gen/steps/internal/volume/directory"
)

const relationship = "wiki-dr"

func open(t *testing.T) *directory.Store {
	s, err := directory.Open(t.TempDir(), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	return s
}

func request(rotate bool) Request {
	return Request{Owner: volume.Owner{Relationship: relationship}, Address: "host", Port: 22, Rotate: rotate}
}

// works reports whether a source with the push Secret reaches a listener with
// the listener's Secret.
func works(t *testing.T, listener, push map[string][]byte) bool {
	t.Helper()
	client, err := link.PublicOf(push[contract.KeyClient])
	require.NoError(t, err)
	host, err := link.PublicOf(listener[contract.KeyHost])
	require.NoError(t, err)
	pinned, err := link.ParsePublic(push[contract.KeyHostPub])
	require.NoError(t, err)
	trusted := false
	for _, k := range pinned {
		own, err := link.ParsePublic(host)
		require.NoError(t, err)
		trusted = trusted || link.Fingerprint(k) == link.Fingerprint(own[0])
	}
	return trusted && (sameKey(client, listener[contract.KeyClientPub]) || sameKey(client, listener[contract.KeyClientPubNext]))
}

func secrets(t *testing.T, s volume.Secrets) (listener, push map[string][]byte) {
	t.Helper()
	listener, err := s.Secret(context.Background(), contract.ListenerSecret(relationship))
	require.NoError(t, err)
	push, err = s.Secret(context.Background(), contract.PushSecret(relationship))
	require.NoError(t, err)
	return listener, push
}

func TestKeysAreMadeOnce(t *testing.T) {
	s := open(t)
	first, err := Ensure(context.Background(), s, request(false))
	require.NoError(t, err)
	assert.Equal(t, "made", first.Did)
	again, err := Ensure(context.Background(), s, request(false))
	require.NoError(t, err)
	assert.Equal(t, "kept", again.Did)
	assert.Equal(t, first.Client, again.Client)
	listener, push := secrets(t, s)
	assert.True(t, works(t, listener, push))
	assert.Equal(t, "22", string(push[contract.KeyPort]))
	assert.NotContains(t, push, contract.KeyHost, "the host's private key stays")
	assert.NotContains(t, listener, contract.KeyClient, "the client's private key is the source's")
}

// broken fails the n-th write of a Secret, as a kill would.
type broken struct {
	*directory.Store
	left int
}

func (b *broken) PutSecret(ctx context.Context, name string, o volume.Owner, data map[string][]byte) error {
	if b.left--; b.left < 0 {
		return errors.New("killed")
	}
	return b.Store.PutSecret(ctx, name, o, data)
}

// Whenever making or rotating is interrupted, running it again leaves keys that
// work, and a source with the Secret it had before keeps working.
func TestInterruptions(t *testing.T) {
	for writes := range 2 {
		for rounds := range 4 {
			t.Run(fmt.Sprintf("%d writes, %d rounds before", writes, rounds), func(t *testing.T) {
				s := open(t)
				var held map[string][]byte
				for n := range rounds {
					_, err := Ensure(context.Background(), s, request(n > 0))
					require.NoError(t, err)
					_, push := secrets(t, s)
					held = maps.Clone(push)
					use(t, s, push)
				}
				_, err := Ensure(context.Background(), &broken{Store: s, left: writes}, request(true))
				require.Error(t, err)
				if held != nil {
					listener, err := s.Secret(context.Background(), contract.ListenerSecret(relationship))
					require.NoError(t, err)
					assert.True(t, works(t, listener, held), "the source's keys broke")
				}
				_, err = Ensure(context.Background(), s, request(false))
				require.NoError(t, err)
				listener, push := secrets(t, s)
				assert.True(t, works(t, listener, push))
				use(t, s, push)
				_, err = Ensure(context.Background(), s, request(false))
				require.NoError(t, err)
				listener, push = secrets(t, s)
				assert.True(t, works(t, listener, push))
				assert.NotContains(t, listener, contract.KeyHostNext, "the rotation ends")
			})
		}
	}
}

// use records that a source has said hello with the push Secret.
func use(t *testing.T, s *directory.Store, push map[string][]byte) {
	public, err := link.PublicOf(push[contract.KeyClient])
	require.NoError(t, err)
	keys, err := link.ParsePublic(public)
	require.NoError(t, err)
	_, err = volume.Update(context.Background(), s, relationship, func(st *contract.State) error {
		st.ClientKey = link.Fingerprint(keys[0])
		return nil
	})
	require.NoError(t, err)
}
