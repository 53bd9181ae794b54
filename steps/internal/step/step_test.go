package step

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/steps/contract"
)

// run runs a binary with one verb that returns the given outcome and error.
func run(t *testing.T, out contract.Outcome, err error, args ...string) (code int, ended contract.Outcome, log string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "sub", "outcome")
	c := &contract.SnapshotCleanup{}
	var stdout, stderr bytes.Buffer
	verb := Verb{Command: c, Short: "x", Run: func(context.Context, *Env) (contract.Outcome, error) { return out, err }}
	args = append([]string{"cleanup", "--run-id=r1", "--relationship=a-b", "--termination-file=" + file}, args...)
	code = Program{Name: "snapshot", Verbs: []Verb{verb}}.Run(context.Background(), args, &stdout, &stderr)
	if b, rerr := os.ReadFile(file); rerr == nil {
		require.NoError(t, json.Unmarshal(b, &ended))
	}
	assert.Empty(t, stdout.String(), "standard output is for products")
	return code, ended, stderr.String()
}

func TestExitCodesAndOutcomes(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		code int
		want contract.Result
		no   contract.Refusal
	}{
		"done":      {nil, contract.ExitDone, contract.ResultDone, ""},
		"failed":    {errors.New("boom"), contract.ExitFailed, contract.ResultFailed, ""},
		"refused":   {fmt.Errorf("push: %w", Refuse(contract.RefusedPromoted, "no")), contract.ExitRefused, contract.ResultRefused, contract.RefusedPromoted},
		"busy":      {Refuse(contract.RefusedBusy, "wait"), contract.ExitFailed, contract.ResultFailed, contract.RefusedBusy},
		"usage":     {Usage("--x: %w", errors.New("bad")), contract.ExitUsage, contract.ResultRefused, ""},
		"two flags": {Require("a", "", "b", "set", "c", ""), contract.ExitUsage, contract.ResultRefused, ""},
	} {
		code, out, log := run(t, contract.Outcome{}, c.err)
		assert.Equal(t, c.code, code, name)
		assert.Equal(t, c.want, out.Outcome, name)
		assert.Equal(t, c.no, out.Code, name)
		assert.Equal(t, "snapshot cleanup", out.Step)
		assert.Equal(t, "r1", out.Run)
		if c.err != nil {
			assert.Equal(t, c.err.Error(), out.Reason)
		}
		for _, line := range strings.Split(strings.TrimSpace(log), "\n") {
			var keys map[string]any
			require.NoError(t, json.Unmarshal([]byte(line), &keys), line)
			assert.Equal(t, "snapshot cleanup", keys["step"])
			assert.Equal(t, "a-b", keys["relationship"])
			assert.Equal(t, "r1", keys["run"])
		}
	}
	assert.NoError(t, Require("a", "set"))
	assert.EqualError(t, Require("a", "", "b", ""), "--a is required\n--b is required")
}

func TestNothingIsKept(t *testing.T) {
	code, out, _ := run(t, contract.Outcome{Outcome: contract.ResultNothing, Reason: "idle"}, nil)
	assert.Equal(t, contract.ExitDone, code)
	assert.Equal(t, contract.ResultNothing, out.Outcome)
}

func TestWrongUsage(t *testing.T) {
	for _, args := range [][]string{{"--bogus"}, {"extra"}} {
		code, _, log := run(t, contract.Outcome{}, nil, args...)
		assert.Equal(t, contract.ExitUsage, code, "%q", args)
		assert.Contains(t, log, "hint:")
	}
	var errs bytes.Buffer
	assert.Equal(t, contract.ExitUsage, Program{Name: "snapshot", Verbs: []Verb{{Command: &contract.SnapshotCleanup{}}}}.
		Run(context.Background(), []string{"bogus"}, &errs, &errs))
}

func TestWriteFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a", "b")
	require.NoError(t, WriteFile(name, []byte("x")))
	info, err := os.Stat(name)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o644), info.Mode().Perm())
	assert.NoError(t, WriteFile("", nil))
	assert.Error(t, WriteFile("/proc/nothing/here", nil))
}

// A step that only goes before another leaves the last word to it.
func TestOnlyFailureLeavesAnOutcome(t *testing.T) {
	for want, err := range map[int]error{contract.ExitDone: nil, contract.ExitFailed: errors.New("boom")} {
		file := filepath.Join(t.TempDir(), "outcome")
		verb := Verb{Command: &contract.SnapshotCleanup{}, OnlyFailure: true,
			Run: func(context.Context, *Env) (contract.Outcome, error) { return contract.Outcome{}, err }}
		code := Program{Name: "snapshot", Verbs: []Verb{verb}}.
			Run(t.Context(), []string{"cleanup", "--termination-file=" + file}, io.Discard, io.Discard)
		assert.Equal(t, want, code)
		if err == nil {
			assert.NoFileExists(t, file)
		} else {
			assert.FileExists(t, file)
		}
	}
}
