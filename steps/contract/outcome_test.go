package contract

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestOutcomeFitsTheTerminationMessage(t *testing.T) {
	for name, o := range map[string]Outcome{
		"long":     {Outcome: ResultFailed, Reason: strings.Repeat("größer ", 2000), Warnings: []string{strings.Repeat("w", 3000), "second"}},
		"markup":   {Outcome: ResultFailed, Reason: strings.Repeat(`<"\`+"\n", 2000)},
		"no text":  {Outcome: ResultFailed, Reason: strings.Repeat("\xff", 5000)},
		"long run": {Outcome: ResultRefused, Run: strings.Repeat("r", 100_000), Step: strings.Repeat("s", 5000)},
	} {
		b := o.Encode()
		assert.LessOrEqual(t, quotedLength(b), OutcomeLimit, name)
		assert.LessOrEqual(t, len(tektonMessage(t, string(b))), 4096, name)
		assert.True(t, utf8.Valid(b), name)
		read := ParseOutcome(string(b))
		require.NotNil(t, read, name)
		assert.Equal(t, o.Outcome, read.Outcome)
		assert.Empty(t, read.Warnings)
		if o.Reason != "" {
			assert.Greater(t, quotedLength(b), OutcomeLimit/4, "%s: more is cut than must be", name)
		}
	}
	small := Outcome{Step: "x", Outcome: ResultDone, Warnings: []string{"kept"}}
	assert.Contains(t, string(small.Encode()), "kept")
}

// tektonMessage is a step's termination message as Tekton writes it.
func tektonMessage(t *testing.T, outcome string) string {
	t.Helper()
	type result struct {
		Key   string `json:"key"`
		Value string `json:"value"`
		Type  int    `json:"type,omitempty"`
	}
	b, err := json.Marshal([]result{
		{OutcomeResult, outcome, 1}, {"claim-with-a-name-of-some-length", strings.Repeat("c", 253), 1},
		{"StartedAt", "2026-03-01T12:00:00.000Z", 3}, {"ExitCode", "78", 3}, {"Reason", "TimeoutExceeded", 3},
	})
	require.NoError(t, err)
	return string(b)
}

func TestParseOutcome(t *testing.T) {
	at := &Outcome{Step: "rsync push", Outcome: ResultRefused, Reason: "a <b> \"c\"", Code: RefusedPromoted, Run: "r"}
	assert.Equal(t, at, ParseOutcome(string(at.Encode())))
	assert.Equal(t, at, ParseOutcome(tektonMessage(t, string(at.Encode()))))
	for _, none := range []string{
		"", "x", "null", "{}", "[]", "7", `"x"`, `{"outcome":""}`, `[{"key":"outcome","value":""}]`, `[{"key":"outcome","value":"[]"}]`,
		`[{"key":"StartedAt","value":"2026-03-01T12:00:00.000Z","type":3}]`, string(at.Encode()[:20]), "[" + string(at.Encode()) + "]",
	} {
		assert.Nil(t, ParseOutcome(none), none)
	}
}

func FuzzParseOutcome(f *testing.F) {
	for _, s := range []string{"", "{}", `{"outcome":"done"}`, `[{"key":"outcome","value":"{\"outcome\":\"failed\"}","type":1}]`, `[{"key":7}]`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, message string) {
		read := ParseOutcome(message)
		if read == nil {
			return
		}
		assert.NotEmpty(t, read.Outcome)
		b := read.Encode()
		if again := ParseOutcome(tektonMessage(t, string(b))); len(read.Outcome) < 64 && len(read.Code) < 64 {
			require.NotNil(t, again)
			assert.Equal(t, read.Outcome, again.Outcome)
			assert.LessOrEqual(t, quotedLength(b), OutcomeLimit)
		}
	})
}
