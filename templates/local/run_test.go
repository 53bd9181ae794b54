package local

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/steps/contract"
)

// recorder is a Reporter that keeps everything.
type recorder struct {
	mu       sync.Mutex
	lines    []Line
	progress []Progress
}

func (r *recorder) Line(l Line) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, l)
}

func (r *recorder) Progress(p Progress) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.progress = append(r.progress, p)
}

func (r *recorder) has(text string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.lines, func(l Line) bool { return strings.Contains(l.Message, text) })
}

func TestRunInOrder(t *testing.T) {
	w := newWorld(t)
	w.script("rsync-listen", "hang listening", "say told to end", "exit 1")
	w.script("rsync-push", "await listening", `outcome {"step":"rsync push","outcome":"done","bytes":7,"snapshot":"s"}`)

	report, err := w.run(t.Context(), w.destination(), w.source())
	require.NoError(t, err)

	journal := w.journal("start ", "end ")
	before := func(a, b string) {
		t.Helper()
		assert.Less(t, slices.Index(journal, a), slices.Index(journal, b), "%s before %s in %v", a, b, journal)
	}
	before("end snapshot-create", "start rsync-push")
	before("end rsync-keys", "start rsync-push")
	before("end rsync-keys", "start rsync-listen")
	before("end rsync-push", "end rsync-listen")
	before("end rsync-push", "start snapshot-cleanup")
	before("end rsync-listen", "start snapshot-prune")
	assert.Equal(t, []string{"terminated rsync-listen"}, w.journal("terminated "), "the listener ends once the push has")
	assert.False(t, w.lines.has("told to end"), "that is no news")
	assert.Len(t, report.Steps, 6)
	push, ok := report.Outcome("rsync push")
	require.True(t, ok)
	assert.EqualValues(t, 7, push.Bytes)

	last, err := LastRun(w.source().Site, w.source().Pipeline)
	require.NoError(t, err)
	assert.Equal(t, contract.ResultDone, last.Result)
	assert.Equal(t, "run-1", last.Run)
}

func TestRenderedArguments(t *testing.T) {
	w := newWorld(t)
	w.script("rsync-listen", "hang listening")
	w.script("rsync-push", "await listening")
	_, err := w.run(t.Context(), w.destination(), w.source())
	require.NoError(t, err)

	push := called(w, "rsync-push", &contract.RsyncPush{})
	listen := called(w, "rsync-listen", &contract.RsyncListen{})
	assert.Equal(t, "run-1", push.Run)
	assert.Equal(t, filepath.Join(w.primary, "volumes", "copy-1"), push.Root)
	assert.Equal(t, "2026-11-20T09:00:00Z", push.RecoveryPoint)
	assert.Equal(t, filepath.Join(w.primary, "secrets", "scribe-demo-there-push"), push.Keys)
	assert.Equal(t, filepath.Join(w.primary, "config", "demo-filters", "filters"), push.FilterFile)
	assert.Equal(t, "127.0.0.1", push.Address)
	assert.Equal(t, "127.0.0.1:"+strconv.Itoa(push.Port), listen.Listen)
	assert.Equal(t, w.backup, listen.Directory)
	assert.Equal(t, filepath.Join(w.backup, "volumes", "data"), listen.Root)
	assert.DirExists(t, listen.Root, "the replica's volume is made")
	assert.FileExists(t, push.FilterFile)

	key := filepath.Join(push.Keys, "client.key")
	info, err := os.Stat(key)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o400), info.Mode().Perm())
	leftovers, err := filepath.Glob(filepath.Join(os.TempDir(), "scribe-run-*"))
	require.NoError(t, err)
	assert.Empty(t, leftovers, "the run's files are removed")
}

func TestOneSideAlone(t *testing.T) {
	w := newWorld(t)
	_, err := w.run(t.Context(), w.source())
	assert.ErrorContains(t, err, "scribe-gen connect", "without keys")
	assert.Equal(t, "end snapshot-cleanup", w.journal("end ")[1], "cleanup runs nevertheless")

	_, err = w.run(t.Context(), w.destination())
	require.NoError(t, err)
	assert.Equal(t, ":2299", called(w, "rsync-listen", &contract.RsyncListen{}).Listen)
	require.NoError(t, Connect([]Part{w.source(), w.destination()}))
	require.NoError(t, Connect([]Part{w.source(), w.destination()}), "a second time")

	_, err = w.run(t.Context(), w.source())
	require.NoError(t, err)
	assert.Zero(t, called(w, "rsync-push", &contract.RsyncPush{}).Port)
}

func TestRetry(t *testing.T) {
	t.Run("until it succeeds", func(t *testing.T) {
		w := newWorld(t)
		w.script("rsync-push", "fail-until 3 1")
		report, err := w.run(t.Context(), w.destination(), w.source())
		require.NoError(t, err)
		i := slices.IndexFunc(report.Steps, func(s StepReport) bool { return s.Step == "push" })
		assert.Equal(t, 3, report.Steps[i].Attempts)
		assert.True(t, w.lines.has("trying again in 1ms"))
	})
	t.Run("up to the limit", func(t *testing.T) {
		w := newWorld(t)
		w.script("rsync-push", "exit 1")
		_, err := w.run(t.Context(), w.destination(), w.source())
		var step *StepError
		require.ErrorAs(t, err, &step)
		assert.Equal(t, 3, step.Attempts)
		assert.Equal(t, 1, step.Exit)
	})
	for _, code := range contract.NoRetry {
		t.Run("never after "+strconv.Itoa(code), func(t *testing.T) {
			w := newWorld(t)
			w.script("rsync-listen", "hang listening")
			w.script("rsync-push", "await listening", `outcome {"step":"rsync push","outcome":"refused","reason":"promoted"}`, "exit "+strconv.Itoa(code))
			_, err := w.run(t.Context(), w.destination(), w.source())
			var step *StepError
			require.ErrorAs(t, err, &step)
			assert.Equal(t, StepError{Site: "here", Role: "source", Step: "push", Exit: code, Attempts: 1, Reason: "promoted"}, *step)
			assert.Equal(t, []string{"terminated rsync-listen"}, w.journal("terminated "), "the listener is told to end")
			assert.Contains(t, w.journal("end "), "end snapshot-cleanup")
		})
	}
}

func TestDestinationFailureEndsSource(t *testing.T) {
	w := newWorld(t)
	w.script("rsync-listen", "exit 78")
	w.script("rsync-push", "hang")
	_, err := w.run(t.Context(), w.destination(), w.source())
	var step *StepError
	require.ErrorAs(t, err, &step)
	assert.Equal(t, "listen", step.Step)
	assert.NotErrorIs(t, err, errPeer, "only the cause is told")
	assert.Equal(t, []string{"terminated rsync-push"}, w.journal("terminated "))
	assert.Contains(t, w.journal("end "), "end snapshot-cleanup")
}

func TestCancel(t *testing.T) {
	w := newWorld(t)
	w.script("rsync-listen", "hang listening")
	w.script("rsync-push", "await listening", "hang pushing")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		w.await("pushing")
		cancel()
	}()
	report, err := w.run(ctx, w.destination(), w.source())
	assert.ErrorIs(t, err, context.Canceled)
	assert.ElementsMatch(t, []string{"terminated rsync-push", "terminated rsync-listen"}, w.journal("terminated "))
	assert.Contains(t, w.journal("end "), "end snapshot-cleanup")
	assert.NotContains(t, w.journal("start "), "start snapshot-prune")
	assert.NotNil(t, report)
	last, err := LastRun(w.destination().Site, w.destination().Pipeline)
	require.NoError(t, err)
	assert.Equal(t, contract.ResultFailed, last.Result)
}

func TestKill(t *testing.T) {
	w := newWorld(t)
	w.engine = New(Options{Steps: w.steps, Grace: time.Hour})
	w.script("rsync-push", "stubborn pushing")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		w.await("pushing")
		cancel()
		time.Sleep(50 * time.Millisecond)
		w.engine.Kill()
	}()
	_, err := w.run(ctx, w.destination(), w.source())
	require.Error(t, err)
	assert.NotContains(t, w.journal("start "), "start snapshot-cleanup")
	w.assertNoChildren()
}

func TestTimeoutKillsTheGroup(t *testing.T) {
	w := newWorld(t)
	w.script("rsync-push", "stubborn")
	source := w.source()
	source.Pipeline.Steps[1].Timeout = 300 * time.Millisecond
	source.Pipeline.Steps[1].Retry.Limit = 1
	_, err := w.run(t.Context(), w.destination(), source)
	assert.ErrorContains(t, err, "did not end within 300ms")
	assert.ErrorContains(t, err, "after 2 attempts")
	w.assertNoChildren()
}

func TestRunTimeout(t *testing.T) {
	w := newWorld(t)
	w.script("rsync-push", "hang")
	_, err := w.engine.Run(t.Context(), Request{Run: "run-1", Parts: []Part{w.destination(), w.source()}, Timeout: 300 * time.Millisecond})
	assert.ErrorContains(t, err, "the run did not end within 300ms")
	assert.Contains(t, w.journal("end "), "end snapshot-cleanup")
}

func TestOneRunAtATime(t *testing.T) {
	w := newWorld(t)
	w.script("rsync-push", "touch pushing", "await go")
	done := make(chan error)
	go func() {
		_, err := w.run(t.Context(), w.destination(), w.source())
		done <- err
	}()
	w.await("pushing")
	_, err := w.run(t.Context(), w.source())
	var running *RunningError
	require.ErrorAs(t, err, &running)
	assert.Equal(t, strconv.Itoa(os.Getpid()), running.Process)
	require.NoError(t, os.WriteFile(filepath.Join(w.fake, "go"), nil, 0o644))
	require.NoError(t, <-done)
	w.script("rsync-push")
	_, err = w.run(t.Context(), w.source())
	require.NoError(t, err, "the lock is free again")
}

func TestVerifyBeforeCleanup(t *testing.T) {
	w := newWorld(t)
	var got Trees
	_, err := w.engine.Run(t.Context(), Request{
		Run: "run-1", Parts: []Part{w.destination(), w.source()},
		Verify: func(_ context.Context, trees Trees) error {
			got = trees
			assert.NotContains(t, w.journal("start "), "start snapshot-cleanup")
			return errors.New("they differ")
		},
	})
	assert.ErrorContains(t, err, "they differ")
	assert.Equal(t, Trees{
		Source:  filepath.Join(w.primary, "volumes", "copy-1"),
		Replica: filepath.Join(w.backup, "snapshots", "data", contract.SnapshotName("demo-there", "run-1")),
		Filters: filepath.Join(w.primary, "config", "demo-filters", "filters"),
	}, got)
	assert.Contains(t, w.journal("end "), "end snapshot-cleanup")
}

func TestRefusedRequests(t *testing.T) {
	w := newWorld(t)
	absent := w.source()
	absent.Pipeline.Steps[0].Command = &contract.SnapshotCreate{Claim: "absent"}
	unknown := w.source()
	unknown.Pipeline.Steps[0].Command = &contract.SnapshotCreate{Claim: "data", Name: "$[params.missing]"}
	for name, test := range map[string]struct {
		req  Request
		want string
	}{
		"no parts":          {Request{Run: "run-1"}, "nothing to run"},
		"run ID":            {Request{Run: "Run_1", Parts: []Part{w.source()}}, "run ID"},
		"no source":         {Request{Run: "run-1", Parts: []Part{absent}}, "put the data to replicate into the directory " + w.primary + "/volumes/absent"},
		"unknown variable":  {Request{Run: "run-1", Parts: []Part{unknown}}, `argument --name: "$[params.missing]" has no value`},
		"unknown parameter": {Request{Run: "run-1", Parts: []Part{w.source()}, Params: map[string]string{"x": "1"}}, "no parameter x"},
		"no directory":      {Request{Run: "run-1", Parts: []Part{{Site: plan.Site{Name: "here"}}}}, "site here has no directory"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.engine.Run(t.Context(), test.req)
			assert.ErrorContains(t, err, test.want)
		})
	}
}

func TestMissingOutput(t *testing.T) {
	w := newWorld(t)
	w.script("snapshot-create", "output ClaimFile copy-1")
	_, err := w.run(t.Context(), w.source())
	assert.ErrorContains(t, err, "read output recovery-point of step snapshot")
}

func TestMissingBinary(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, os.Remove(filepath.Join(w.steps, "snapshot")))
	_, err := w.run(t.Context(), w.source())
	assert.ErrorIs(t, err, os.ErrNotExist)
	assert.False(t, w.lines.has("trying again"))
}

func TestProgressAndLines(t *testing.T) {
	w := newWorld(t)
	w.script("rsync-push",
		`say {"time":"2026-11-20T09:00:00Z","level":"INFO","msg":"progress","step":"rsync push","bytes":5,"total":10,"files":1,"entries":2,"rate":2.5}`,
		`say {"time":"2026-11-20T09:00:00Z","level":"WARN","msg":"vanished","step":"rsync push","path":"a b"}`,
		`say bare words`)
	_, err := w.run(t.Context(), w.destination(), w.source())
	require.NoError(t, err)
	assert.Equal(t, []Progress{{Site: "here", Role: "source", Step: "push", Bytes: 5, Total: 10, Files: 1, Entries: 2, Rate: 2.5}}, w.lines.progress)
	assert.True(t, w.lines.has("bare words"))
	i := slices.IndexFunc(w.lines.lines, func(l Line) bool { return l.Message == "vanished" })
	require.GreaterOrEqual(t, i, 0)
	assert.Equal(t, []string{"path=a b"}, w.lines.lines[i].Attrs)
}

// await waits until a fake step has made the file.
func (w *world) await(file string) {
	for !exists(filepath.Join(w.fake, file)) {
		time.Sleep(5 * time.Millisecond)
	}
}

// assertNoChildren fails when a process that a fake step told of is alive.
func (w *world) assertNoChildren() {
	w.t.Helper()
	children := w.journal("child ")
	require.NotEmpty(w.t, children)
	for _, line := range children {
		pid, err := strconv.Atoi(strings.TrimPrefix(line, "child "))
		require.NoError(w.t, err)
		assert.Eventually(w.t, func() bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) },
			5*time.Second, 10*time.Millisecond, "process %d is alive", pid)
	}
}
