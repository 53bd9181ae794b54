package step

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/steps/contract"
)

// trial is a program with one verb, in an environment of its own.
type trial struct {
	ctx     context.Context
	args    *contract.SnapshotPrune
	run     func(n int, args *contract.SnapshotPrune, ctx context.Context) (contract.Outcome, error)
	earlier func(context.Context, *Env) (Earlier, error)

	attempts int
	log      []map[string]any
	outcome  contract.Outcome
}

func (tr *trial) start(t *testing.T, environment map[string]string, args ...string) (code int) {
	t.Helper()
	for name, value := range environment {
		t.Setenv(name, value)
	}
	if tr.ctx == nil {
		tr.ctx = t.Context()
	}
	file := filepath.Join(t.TempDir(), "outcome")
	tr.args = &contract.SnapshotPrune{}
	verb := Verb{Command: tr.args, Run: func(ctx context.Context, _ *Env) (contract.Outcome, error) {
		tr.attempts++
		if tr.attempts > 1 {
			tr.outcome = *contract.ParseOutcome(read(t, file))
		}
		return tr.run(tr.attempts, tr.args, ctx)
	}}
	var stderr bytes.Buffer
	code = Program{Name: "snapshot", Verbs: []Verb{verb}, Earlier: tr.earlier}.
		Run(tr.ctx, append([]string{"prune", "--run-id=r1", "--last=3", "--termination-file=" + file}, args...), &stderr, &stderr)
	for line := range strings.Lines(stderr.String()) {
		var keys map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &keys), line)
		tr.log = append(tr.log, keys)
	}
	tr.outcome = *contract.ParseOutcome(read(t, file))
	return code
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(text)
}

// quick is an engine that leaves three more attempts to the step.
var quick = map[string]string{
	contract.RetryLimitVariable: "3", contract.RetryBackoffVariable: "2ms", contract.RetryMaxBackoffVariable: "3ms",
}

func with(base map[string]string, more ...string) map[string]string {
	all := map[string]string{}
	for k, v := range base {
		all[k] = v
	}
	for i := 0; i < len(more); i += 2 {
		all[more[i]] = more[i+1]
	}
	return all
}

var errBoom = errors.New("boom")

func TestAttemptsUntilOneSucceeds(t *testing.T) {
	var contexts []context.Context
	tr := &trial{run: func(n int, args *contract.SnapshotPrune, ctx context.Context) (contract.Outcome, error) {
		assert.Equal(t, 3, args.Last, "arguments of the attempt before")
		args.Last, args.Claim = 99, "changed"
		for _, before := range contexts {
			assert.Error(t, before.Err(), "what the attempt before left is still running")
		}
		contexts = append(contexts, ctx)
		if n < 4 {
			return contract.Outcome{Bytes: int64(n)}, errBoom
		}
		return contract.Outcome{}, nil
	}}
	assert.Equal(t, contract.ExitDone, tr.start(t, quick))
	assert.Equal(t, 4, tr.attempts)
	assert.Equal(t, contract.ResultDone, tr.outcome.Outcome)
	assert.Equal(t, 4, tr.outcome.Attempt)
	assert.Zero(t, tr.outcome.Bytes)
	require.Len(t, tr.log, 4)
	for i, pause := range []string{"2ms", "3ms", "3ms"} {
		assert.Equal(t, "boom", tr.log[i]["error"])
		assert.Equal(t, pause, tr.log[i]["pause"])
		assert.Equal(t, string('1'+rune(i)), tr.log[i]["attempt"])
	}
	assert.Equal(t, "4", tr.log[3]["attempt"])
}

func TestAttemptsEnd(t *testing.T) {
	for name, c := range map[string]struct {
		environment map[string]string
		err         error
		attempts    int
		code        int
		outcome     contract.Result
		number      int
	}{
		"at the limit":        {quick, errBoom, 4, contract.ExitFailed, contract.ResultFailed, 4},
		"counted on":          {with(quick, contract.AttemptVariable, "5"), errBoom, 4, contract.ExitFailed, contract.ResultFailed, 8},
		"busy is tried again": {quick, Refuse(contract.RefusedBusy, "wait"), 4, contract.ExitFailed, contract.ResultFailed, 4},
		"refused":             {quick, Refuse(contract.RefusedPromoted, "no"), 1, contract.ExitRefused, contract.ResultRefused, 1},
		"usage":               {quick, Usage("no"), 1, contract.ExitUsage, contract.ResultRefused, 1},
		"limit 0":             {with(quick, contract.RetryLimitVariable, "0"), errBoom, 1, contract.ExitFailed, contract.ResultFailed, 1},
		"below 0":             {with(quick, contract.RetryLimitVariable, "-1"), errBoom, 1, contract.ExitFailed, contract.ResultFailed, 0},
		"by the engine":       {map[string]string{contract.AttemptVariable: "2"}, errBoom, 1, contract.ExitFailed, contract.ResultFailed, 0},
	} {
		t.Run(name, func(t *testing.T) {
			tr := &trial{run: func(int, *contract.SnapshotPrune, context.Context) (contract.Outcome, error) {
				return contract.Outcome{}, c.err
			}}
			assert.Equal(t, c.code, tr.start(t, c.environment))
			assert.Equal(t, c.attempts, tr.attempts)
			assert.Equal(t, c.outcome, tr.outcome.Outcome)
			assert.Equal(t, c.number, tr.outcome.Attempt)
			assert.Equal(t, c.err.Error(), tr.outcome.Reason)
		})
	}
}

func TestWrongRetries(t *testing.T) {
	for variable, value := range map[string]string{
		contract.RetryLimitVariable: "often", contract.RetryBackoffVariable: "20", contract.RetryMaxBackoffVariable: "-1s",
	} {
		tr := &trial{}
		assert.Equal(t, contract.ExitUsage, tr.start(t, with(quick, variable, value)))
		assert.Contains(t, tr.outcome.Reason, variable+"="+value)
		t.Setenv(variable, "")
	}
}

// A signal is not a failure of the step: the engine shall start it again.
func TestSignals(t *testing.T) {
	engine := map[string]string{contract.AttemptVariable: "1"}
	slow := with(quick, contract.RetryBackoffVariable, "1h", contract.RetryMaxBackoffVariable, "1h")
	for name, c := range map[string]struct {
		environment map[string]string
		signal      syscall.Signal
		during      bool // the attempt, else the pause
		code        int
	}{
		"terminated":           {quick, syscall.SIGTERM, true, contract.ExitTerminated},
		"interrupted":          {quick, syscall.SIGINT, true, contract.ExitInterrupted},
		"terminated in pause":  {slow, syscall.SIGTERM, false, contract.ExitTerminated},
		"interrupted in pause": {slow, syscall.SIGINT, false, contract.ExitInterrupted},
		"attempts of engine":   {engine, syscall.SIGTERM, true, contract.ExitFailed},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, stop := untilSignal(t.Context(), syscall.SIGTERM, syscall.SIGINT)
			defer stop()
			tr := &trial{ctx: ctx, run: func(_ int, _ *contract.SnapshotPrune, ctx context.Context) (contract.Outcome, error) {
				if !c.during {
					time.AfterFunc(20*time.Millisecond, func() { _ = syscall.Kill(os.Getpid(), c.signal) })
					return contract.Outcome{}, errBoom
				}
				assert.NoError(t, syscall.Kill(os.Getpid(), c.signal))
				<-ctx.Done()
				return contract.Outcome{}, context.Cause(ctx)
			}}
			assert.Equal(t, c.code, tr.start(t, c.environment))
			assert.Equal(t, 1, tr.attempts)
			assert.Equal(t, contract.ResultFailed, tr.outcome.Outcome)
			assert.Contains(t, tr.outcome.Reason, "signal received")
			assert.Equal(t, !c.during, strings.Contains(tr.outcome.Reason, "boom"))
		})
	}
}

// What ended well, or for good, did so whatever signal came.
func TestSignalAfterTheEnd(t *testing.T) {
	for code, err := range map[int]error{contract.ExitDone: nil, contract.ExitRefused: Refuse(contract.RefusedStale, "old")} {
		ctx, stop := untilSignal(t.Context(), syscall.SIGTERM)
		defer stop()
		tr := &trial{ctx: ctx, run: func(_ int, _ *contract.SnapshotPrune, ctx context.Context) (contract.Outcome, error) {
			_ = syscall.Kill(os.Getpid(), syscall.SIGTERM)
			<-ctx.Done()
			return contract.Outcome{}, err
		}}
		assert.Equal(t, code, tr.start(t, quick))
	}
}

func TestEarlierPods(t *testing.T) {
	known := &contract.Outcome{Step: "rsync push", Outcome: contract.ResultRefused, Code: contract.RefusedPromoted, Reason: "promoted", Run: "r1"}
	for name, c := range map[string]struct {
		earlier  Earlier
		err      error
		code     int
		attempts int
		outcome  contract.Outcome
	}{
		"none":     {Earlier{}, nil, 0, 1, contract.Outcome{Step: "snapshot prune", Outcome: contract.ResultDone, Attempt: 1, Run: "r1"}},
		"lost":     {Earlier{Attempts: 2}, nil, 0, 1, contract.Outcome{Step: "snapshot prune", Outcome: contract.ResultDone, Attempt: 3, Run: "r1"}},
		"unknown":  {Earlier{}, errBoom, 0, 1, contract.Outcome{Step: "snapshot prune", Outcome: contract.ResultDone, Attempt: 1, Run: "r1"}},
		"refused":  {Earlier{Pod: "p", Exit: 78, Outcome: known}, nil, 78, 0, *known},
		"wordless": {Earlier{Pod: "p", Exit: 1}, nil, 1, 0, contract.Outcome{Step: "snapshot prune", Outcome: contract.ResultFailed, Run: "r1", Reason: "the step gave up in pod p with exit code 1; its log says why"}},
	} {
		t.Run(name, func(t *testing.T) {
			tr := &trial{
				earlier: func(context.Context, *Env) (Earlier, error) { return c.earlier, c.err },
				run: func(int, *contract.SnapshotPrune, context.Context) (contract.Outcome, error) {
					return contract.Outcome{}, nil
				},
			}
			assert.Equal(t, c.code, tr.start(t, with(quick, contract.EarlierPodsVariable, "a=b")))
			assert.Equal(t, c.attempts, tr.attempts)
			tr.outcome.Seconds = 0
			assert.Equal(t, c.outcome, tr.outcome)
			if c.earlier.Pod != "" {
				assert.Equal(t, c.earlier.Pod, tr.log[0]["pod"])
			}
		})
	}
	unasked := &trial{
		earlier: func(context.Context, *Env) (Earlier, error) { panic("asked for nothing") },
		run: func(int, *contract.SnapshotPrune, context.Context) (contract.Outcome, error) {
			return contract.Outcome{}, nil
		},
	}
	t.Setenv(contract.EarlierPodsVariable, "")
	assert.Zero(t, unasked.start(t, quick))
}

// An attempt that takes too long is ended, and the next begins.
func TestAttemptTimeout(t *testing.T) {
	tr := &trial{run: func(n int, _ *contract.SnapshotPrune, ctx context.Context) (contract.Outcome, error) {
		if n > 1 {
			return contract.Outcome{}, nil
		}
		<-ctx.Done()
		return contract.Outcome{}, fmt.Errorf("wait for the snapshot: %w", ctx.Err())
	}}
	code := tr.start(t, map[string]string{
		contract.RetryLimitVariable: "1", contract.RetryBackoffVariable: "1ms", contract.AttemptTimeoutVariable: "30ms",
	})
	assert.Equal(t, contract.ExitDone, code)
	assert.Equal(t, 2, tr.attempts)
	assert.Contains(t, fmt.Sprint(tr.log), "the attempt did not end within 30ms")
	assert.Equal(t, contract.ExitUsage, tr.start(t, map[string]string{contract.AttemptTimeoutVariable: "soon"}))
}
