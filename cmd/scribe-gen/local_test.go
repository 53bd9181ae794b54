package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/templates/local"
)

func TestRunIDsSortByTime(t *testing.T) {
	at := time.Date(2026, 11, 20, 9, 15, 0, 0, time.FixedZone("", 3600))
	id := newRunID(at)
	assert.Regexp(t, `^20261120-081500-[0-9a-f]{6}$`, id)
	assert.NoError(t, contract.CheckRunID(id))
	assert.Less(t, id, newRunID(at.Add(time.Second)))
	assert.NotEqual(t, id, newRunID(at))
}

func TestExitError(t *testing.T) {
	refused := &local.StepError{Exit: contract.ExitRefused}
	for _, test := range []struct {
		err  error
		want int
	}{
		{errors.New("differs"), contract.ExitFailed},
		{&local.StepError{Exit: contract.ExitUsage}, contract.ExitUsage},
		{&local.StepError{Exit: -1}, contract.ExitFailed},
		{errors.Join(errors.New("first"), refused), contract.ExitRefused},
	} {
		assert.Equal(t, test.want, exitError{test.err}.ExitCode(), "%v", test.err)
	}
}

func TestProgressText(t *testing.T) {
	assert.Equal(t, "512 MiB of 2.0 GiB (25%), 1,200 of 5,000 entries, 256 MiB/s, 6s left",
		progressText(local.Progress{Bytes: 512 << 20, Total: 2 << 30, Files: 1200, Entries: 5000, Rate: 256 << 20}))
	assert.Equal(t, "0 B of 0 B", progressText(local.Progress{}))
}

func TestConsole(t *testing.T) {
	lines := []local.Line{
		{Site: "here", Step: "push", Level: slog.LevelInfo, Message: "detail"},
		{Site: "here", Step: "push", Level: slog.LevelError, Message: "failed", Last: true},
		{Site: "here", Step: "push", Level: slog.LevelInfo, Message: "started", Milestone: true},
		{Site: "here", Step: "push", Level: slog.LevelWarn, Message: "vanished", Attrs: []string{"path=a"}},
	}
	for _, test := range []struct {
		name    string
		console *console
		want    string
	}{
		{"default", &console{}, "here/push: started\nhere/push: warn: vanished (path=a)\nhere/push: 1 B of 2 B (50%)\n"},
		{"quiet", &console{quiet: true}, "here/push: warn: vanished (path=a)\n"},
		{"verbose", &console{verbose: true}, "here/push: detail\nhere/push: error: failed\nhere/push: started\nhere/push: warn: vanished (path=a)\nhere/push: 1 B of 2 B (50%)\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			c := test.console
			c.io = streams{err: &out}
			for _, l := range lines {
				c.Line(l)
			}
			c.Progress(local.Progress{Site: "here", Step: "push", Bytes: 1, Total: 2})
			c.Progress(local.Progress{Site: "here", Step: "push", Bytes: 2, Total: 2}) // too soon
			c.finish()
			assert.Equal(t, test.want, out.String())
		})
	}
}

func TestConsoleBar(t *testing.T) {
	var out bytes.Buffer
	c := &console{io: streams{err: &out}, terminal: true}
	c.Progress(local.Progress{Step: "push"})
	time.Sleep(150 * time.Millisecond) // it is drawn at most every 100 ms
	c.Progress(local.Progress{Step: "push", Bytes: 1 << 20, Total: 4 << 20, Files: 3, Entries: 9})
	c.Line(local.Line{Site: "here", Step: "push", Message: "started", Milestone: true})
	c.Progress(local.Progress{Step: "push", Bytes: 8 << 20, Total: 4 << 20}) // more than there was
	c.finish()
	assert.Contains(t, out.String(), "here/push: started\n")
	assert.Contains(t, out.String(), "push, 3 of 9 entries")
}

func TestSummary(t *testing.T) {
	at := time.Date(2026, 11, 20, 9, 15, 0, 120, time.UTC)
	report := &local.Report{Run: "r", Relationship: "demo-there", Duration: 1500 * time.Millisecond, Steps: []local.StepReport{
		{Site: "here", Step: "snapshot", Outcome: contract.Outcome{Step: "snapshot create", Method: "Clone", RecoveryPoint: &at}},
		{Site: "here", Step: "push", Outcome: contract.Outcome{
			Step: "rsync push", Files: 2, Entries: 4000, Bytes: 1 << 20, Total: 64 << 20, Wire: 2 << 20, Snapshot: "s",
		}},
		{Site: "there", Step: "listen", Outcome: contract.Outcome{Step: "rsync listen", Entries: 1}},
	}}
	s := summarize(report, nil)
	s.Verified = &verification{Identical: true, Entries: 4000, Bytes: 64 << 20}
	var out bytes.Buffer
	require.NoError(t, printRuns(streams{out: &out}, formatText, []runSummary{s}))
	assert.Equal(t, `relationship      demo-there
run               r
result            done
recovery point    2026-11-20T09:15:00.00000012Z
duration          1.5s
sent              2 of 4,000 entries, 1.0 MiB of 64 MiB
deleted           0 entries
on the wire       2.0 MiB, speedup 32.0
replica snapshot  s
verified          identical: 4,000 entries, 64 MiB
`, out.String())

	report.Steps[1].Outcome.Code = contract.RefusedPromoted
	failed := summarize(report, &local.StepError{Site: "here", Step: "push", Exit: contract.ExitRefused, Reason: "promoted"})
	assert.Equal(t, contract.ResultRefused, failed.Result)
	assert.Equal(t, contract.RefusedPromoted, failed.Code)
}

func TestVerify(t *testing.T) {
	source, replica := t.TempDir(), t.TempDir()
	at := time.Unix(1000, 0)
	write := func(root, name, content string) {
		t.Helper()
		file := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte(content), 0o644))
	}
	settle := func() {
		for _, root := range []string{source, replica} {
			for _, name := range []string{"kept", "new\nline", "cache", "."} {
				_ = os.Chtimes(filepath.Join(root, name), at, at)
			}
		}
	}
	for _, root := range []string{source, replica} {
		write(root, "kept", "the same")
		write(root, "new\nline", "too")
	}
	write(source, "cache/a", "left out")
	write(source, `odd.tmp \#040`, "left out")
	settle()
	filters := filepath.Join(t.TempDir(), "filters")
	require.NoError(t, os.WriteFile(filters, []byte("- cache/\n- *.tmp*\n"), 0o644))

	v, err := verify(t.Context(), local.Trees{Source: source, Replica: replica, Filters: filters})
	require.NoError(t, err)
	assert.True(t, v.Identical)

	_, err = verify(t.Context(), local.Trees{Source: source, Replica: replica})
	assert.ErrorContains(t, err, "cache", "without filters nothing is left out")

	write(replica, "new\nline", "not the same")
	settle()
	v, err = verify(t.Context(), local.Trees{Source: source, Replica: replica, Filters: filters})
	assert.ErrorContains(t, err, `"new\nline"`)
	assert.False(t, v.Identical)
	assert.Positive(t, v.Differences)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = verify(ctx, local.Trees{Source: source, Replica: replica})
	assert.ErrorIs(t, err, context.Canceled)
}

func FuzzUnescape(f *testing.F) {
	for _, name := range []string{"", "plain", "new\nline", `back\slash`, `\#012`, `\\#`, "\x7f\x01", `\#`, `a\#1`} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		assert.Equal(t, name, unescape(escape(name)))
	})
}

// escape does what rsync does to names in its output.
func escape(name string) string {
	var out bytes.Buffer
	for i := range len(name) {
		b := name[i]
		literal := b == '\\' && i+4 < len(name) && name[i+1] == '#' && digits3(name[i+2:i+5])
		if b < ' ' || b == 0x7f || literal {
			out.WriteString(`\#`)
			out.WriteByte('0' + b>>6)
			out.WriteByte('0' + b>>3&7)
			out.WriteByte('0' + b&7)
			continue
		}
		out.WriteByte(b)
	}
	return out.String()
}

func digits3(text string) bool {
	for _, d := range text {
		if d < '0' || d > '9' {
			return false
		}
	}
	return true
}
