package process

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
	cmd := exec.Command("sh", "-c", `trap "" TERM; sleep 100 & echo $! $$ > "$0".new; mv "$0".new "$0"; wait; sleep 100`, pids)
	go func() {
		for {
			if _, err := os.Stat(pids); err == nil {
				cancel()
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
	require.Error(t, Run(cmd, Options{Stop: ctx, Grace: 300 * time.Millisecond}))
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
	forever := Options{Stop: context.Background()}
	err := Run(exec.Command("sleep", "100"), Options{Stop: context.Background(), Started: func() error { return boom }})
	assert.ErrorIs(t, err, boom)
	assert.Less(t, time.Since(start), 50*time.Second)
	require.NoError(t, Run(exec.Command("true"), forever))
	var exit *exec.ExitError
	assert.ErrorAs(t, Run(exec.Command("false"), forever), &exit)
	assert.Error(t, Run(exec.Command("/does/not/exist"), forever))
	ended, end := context.WithCancel(context.Background())
	end()
	assert.ErrorIs(t, Run(exec.Command("sleep", "100"), Options{Stop: context.Background(), Kill: ended}), context.Canceled)
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

// However output is cut into writes, the lines are the same.
func FuzzLines(f *testing.F) {
	f.Add("a\rb\n\nc", 2)
	f.Fuzz(func(t *testing.T, text string, size int) {
		read := func(size int) (all []string) {
			l := &Lines{Each: func(b []byte) { all = append(all, string(b)) }, Ends: "\r\n"}
			for rest := text; rest != ""; {
				n := min(size, len(rest))
				_, _ = l.Write([]byte(rest[:n]))
				rest = rest[n:]
			}
			l.Flush()
			return all
		}
		require.Equal(t, read(max(len(text), 1)), read(1+int(uint(size)%7)))
	})
}

// A line without end is handed on in parts.
func TestLines(t *testing.T) {
	var got []string
	l := &Lines{Each: func(line []byte) { got = append(got, string(line)) }}
	for _, part := range []string{"a\nb", "c\n", "\n", strings.Repeat("x", longestLine+1), "end"} {
		n, err := l.Write([]byte(part))
		assert.NoError(t, err)
		assert.Equal(t, len(part), n)
	}
	l.Flush()
	assert.Equal(t, []string{"a", "bc", strings.Repeat("x", longestLine+1), "end"}, got)
}
