package listener

import (
	"bytes"
	"context"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/commit"
	"github.com/backube/scribe-gen/steps/internal/link"
)

// A receiver that is never started, because the request has ended or the program
// is missing, ends its request all the same.
func TestReceiverThatDoesNotStart(t *testing.T) {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	for name, c := range map[string]struct {
		ctx     context.Context
		program string
	}{
		"ended":   {ended, "/bin/cat"},
		"missing": {context.Background(), "/does/not/exist"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			lock, err := os.Open(dir)
			require.NoError(t, err)
			l := &Listener{Config: Config{
				Receiver:  []string{c.program},
				Committer: &commit.Committer{Replica: contract.Replica{Root: dir}},
			}, volume: lock}
			done := make(chan error, 1)
			var out bytes.Buffer
			go func() {
				done <- l.receive(c.ctx, &link.Session{Stdin: &bytes.Buffer{}, Stdout: &out, Stderr: &out}, nil)
			}()
			select {
			case err := <-done:
				assert.Error(t, err)
			case <-time.After(30 * time.Second):
				t.Fatal("the request does not end")
			}
		})
	}
}

func TestRunTakesNoDataOnceClosed(t *testing.T) {
	r := newRun(context.Background(), "run", time.Now())
	end, err := r.begin()
	require.NoError(t, err)
	r.close()
	_, err = r.begin()
	assert.ErrorIs(t, err, errNotOpen)
	soon, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	assert.Error(t, r.wait(soon), "a request is under way")
	end()
	assert.NoError(t, r.wait(context.Background()))
	r.reopen()
	end, err = r.begin()
	require.NoError(t, err)
	end()
	r.stop()
	_, err = r.begin()
	assert.Error(t, err)
}

func TestWritingIsPreparedOnce(t *testing.T) {
	r := newRun(context.Background(), "run", time.Now())
	marks := 0
	mark := func(context.Context) error { marks++; return nil }
	require.ErrorIs(t, r.write(context.Background(), func(context.Context) error { return os.ErrDeadlineExceeded }), os.ErrDeadlineExceeded)
	require.NoError(t, r.write(context.Background(), mark))
	done, fail := 0, true
	r.setRepair(func(context.Context) error {
		done++
		if fail {
			return os.ErrPermission
		}
		return nil
	})
	assert.ErrorIs(t, r.write(context.Background(), mark), os.ErrPermission)
	fail = false
	require.NoError(t, r.write(context.Background(), mark), "what failed is tried again")
	require.NoError(t, r.write(context.Background(), mark))
	assert.Equal(t, 2, done)
	assert.Equal(t, 1, marks)
}
