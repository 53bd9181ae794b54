package proc

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// When a command is stopped, nothing of its group is left, even what ignores the
// polite signal.
func TestTheWholeGroupEnds(t *testing.T) {
	pids := filepath.Join(t.TempDir(), "pids")
	ctx, cancel := context.WithCancel(context.Background())
	cmd := Command(ctx, "sh", "-c", `trap "" TERM; sleep 100 & echo $! $$ > "$0".new; mv "$0".new "$0"; wait; sleep 100`, pids)
	go func() {
		for {
			if _, err := os.Stat(pids); err == nil {
				cancel()
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
	require.Error(t, Run(cmd, nil))
	b, err := os.ReadFile(pids)
	require.NoError(t, err)
	for _, field := range strings.Fields(string(b)) {
		pid, err := strconv.Atoi(field)
		require.NoError(t, err)
		assert.Eventually(t, func() bool { return !alive(pid) }, 5*time.Second, 10*time.Millisecond)
	}
}

// alive reports whether a process runs; one that only waits to be reaped does not.
func alive(pid int) bool {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return !strings.HasPrefix(rest, "Z")
}

func TestStartedDecides(t *testing.T) {
	boom := errors.New("boom")
	start := time.Now()
	err := Run(Command(context.Background(), "sleep", "100"), func() error { return boom })
	assert.ErrorIs(t, err, boom)
	assert.Less(t, time.Since(start), 50*time.Second)
	require.NoError(t, Run(Command(context.Background(), "true"), nil))
	var exit *exec.ExitError
	assert.ErrorAs(t, Run(Command(context.Background(), "false"), nil), &exit)
	assert.Error(t, Run(Command(context.Background(), "/does/not/exist"), nil))
}

func TestWiden(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	defer w.Close()
	Widen(w)
	size, err := unix.FcntlInt(w.Fd(), unix.F_GETPIPE_SZ, 0)
	require.NoError(t, err)
	assert.Equal(t, PipeSize, size)
}

func TestTail(t *testing.T) {
	tail := &Tail{Limit: 10}
	for _, s := range []string{"first line\n", "second\n", "third\n"} {
		_, _ = tail.Write([]byte(s))
	}
	assert.Equal(t, "third", tail.String())
	short := &Tail{Limit: 100}
	_, _ = short.Write([]byte("all of it\n"))
	assert.Equal(t, "all of it", short.String())
}
