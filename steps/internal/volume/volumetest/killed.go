package volumetest

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/volume"
)

// KillHarness is a site that processes use which can be killed.
type KillHarness interface {
	Harness
	// Child returns a command, not yet started, that opens the same site and
	// calls [Do] with the operation.
	Child(t *testing.T, operation string) *exec.Cmd
	// Leftovers names what is at the site that no volume, replica snapshot,
	// Secret or state needs.
	Leftovers(t *testing.T) []string
}

// operations are what a child does until it is killed: as a retry would, with
// the same names.
var operations = map[string]func(context.Context, volume.Store) error{
	"copy": func(ctx context.Context, s volume.Store) error {
		_, err := s.Copy(ctx, copyRequest(owner("run-1")))
		return err
	},
	"cut": func(ctx context.Context, s volume.Store) error {
		_, err := s.Cut(ctx, cutRequest("run-1", point(1)))
		return err
	},
	"abandon": func(ctx context.Context, s volume.Store) error {
		_, err := s.Cut(ctx, cutRequest("run-1", point(1)))
		return err
	},
	"restore": func(ctx context.Context, s volume.Store) error {
		return s.Restore(ctx, restoreRequest(cutRequest("run-0", point(0)).Name, "restored"))
	},
	"delete": func(ctx context.Context, s volume.Store) error {
		return s.DeleteSnapshot(ctx, claim, cutRequest("run-0", point(0)).Name)
	},
	"remove": func(ctx context.Context, s volume.Store) error {
		_, err := s.RemoveTemporary(ctx, owner("run-0"))
		return err
	},
	"secret": func(ctx context.Context, s volume.Store) error {
		for i := 0; ; i++ {
			if err := s.PutSecret(ctx, "keys", owner("run-1"), secret(i)); err != nil {
				return err
			}
		}
	},
	"state": func(ctx context.Context, s volume.Store) error {
		for {
			_, err := volume.Update(ctx, s, relationship, func(state *contract.State) error {
				state.ClientKey += "x"
				return nil
			})
			if err != nil {
				return err
			}
		}
	},
}

// secret is a Secret of which every key tells the version.
func secret(i int) map[string][]byte {
	data := map[string][]byte{}
	for _, key := range []string{"a", "b", "c"} {
		data[key] = fmt.Append(nil, i)
	}
	return data
}

// Do is what a child calls.
func Do(ctx context.Context, store volume.Store, operation string) error {
	do, ok := operations[operation]
	if !ok {
		return fmt.Errorf("no operation %q", operation)
	}
	return do(ctx, store)
}

// RunKilled kills children at random moments of every operation, rounds times
// each, then tries again and checks that there is exactly one correct result and
// that nothing temporary remains. A child lives no longer than longest, which
// should be about what an operation takes.
func RunKilled(t *testing.T, rounds int, longest time.Duration, open func(t *testing.T) KillHarness) {
	for operation := range operations {
		t.Run(operation, func(t *testing.T) {
			h := open(t)
			for range rounds {
				killed(t, h, operation, longest)
			}
		})
	}
}

// killed is one round.
func killed(t *testing.T, h KillHarness, operation string, longest time.Duration) {
	ctx, content := t.Context(), files(150, "x")
	h.Write(t, claim, content)
	mustCut(t, h, cutRequest("run-0", point(0)))
	mustCopy(t, h, copyRequest(owner("run-0")))
	for range 1 + rand.IntN(3) {
		kill(t, h.Child(t, operation), rand.N(longest))
	}
	switch operation {
	case "secret":
		whole(t, h)
	case "state":
		_, _, err := h.Store().Load(ctx, relationship)
		require.NoError(t, err)
	case "abandon": // nobody tries it again
		collected(t, h)
	default:
		require.NoError(t, Do(ctx, h.Store(), operation))
	}

	want := map[string][]string{"cut": {"run-1", "run-0"}, "delete": nil}
	expected, ok := want[operation]
	if !ok {
		expected = []string{"run-0"}
	}
	if operation == "abandon" && len(list(t, h)) == 2 { // it was not killed in time
		expected = []string{"run-1", "run-0"}
	}
	assert.Equal(t, expected, list(t, h))
	switch operation {
	case "copy":
		assert.Equal(t, content, h.Read(t, contract.CopyName("run-1")))
	case "restore":
		assert.Equal(t, content, h.Read(t, "restored"))
	case "cut":
		restore(t, h, cutRequest("run-1", point(1)).Name, "check")
		assert.Equal(t, content, h.Read(t, "check"))
	}
	_, err := h.Store().RemoveTemporary(ctx, owner("run-2"))
	require.NoError(t, err)
	assert.Nil(t, h.Read(t, contract.CopyName("run-0")))
	assert.Nil(t, h.Read(t, contract.CopyName("run-1")))
	assert.Empty(t, h.Leftovers(t))
	require.NoError(t, h.Store().DeleteSnapshot(ctx, claim, cutRequest("run-1", point(1)).Name))
}

// collected removes what runs left until nothing of it is there: a later run does,
// what an earlier one finds still being made.
func collected(t *testing.T, h KillHarness) {
	require.Eventually(t, func() bool {
		_, err := h.Store().RemoveUncut(t.Context(), claim, relationship, lastCommit(2))
		assert.NoError(t, err)
		_, err = h.Store().RemoveTemporary(t.Context(), owner("run-2"))
		assert.NoError(t, err)
		return len(h.Leftovers(t)) == 0
	}, 20*time.Second, 100*time.Millisecond)
}

// whole checks that the keys of the Secret are of one version.
func whole(t *testing.T, h KillHarness) {
	data, err := h.Store().Secret(t.Context(), "keys")
	if err != nil {
		require.ErrorIs(t, err, volume.ErrNotFound)
		return
	}
	require.Len(t, data, 3)
	for value := range maps.Values(data) {
		assert.Equal(t, data["a"], value)
	}
}

// kill starts a child and kills it.
func kill(t *testing.T, child *exec.Cmd, after time.Duration) {
	require.NoError(t, child.Start())
	time.Sleep(after)
	_ = child.Process.Kill()
	_ = child.Wait()
}
