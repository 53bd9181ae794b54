package latency_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/test/e2e/internal/latency"
)

// run is a source of two steps beside a listener, all later by shift.
func run(shift time.Duration) latency.Run {
	step := func(pipeline, name string, created, running, ended int) latency.Step {
		at := func(s int) time.Duration { return time.Duration(s)*time.Second + shift }
		return latency.Step{Pipeline: pipeline, Name: name, Created: at(created), Running: at(running), Ended: at(ended)}
	}
	return latency.Run{
		Committed: 11*time.Second + shift, Ended: 14*time.Second + shift,
		Steps: []latency.Step{
			step("destination", "listen", 0, 3, 13), // beside the source: no part of the shares
			step(latency.Source, "push", 6, 9, 12),
			step(latency.Source, "snapshot", 1, 3, 4),
		},
	}
}

func TestMedian(t *testing.T) {
	odd := run(9 * time.Second)
	odd.Steps = append(odd.Steps, latency.Step{Pipeline: latency.Source, Name: "push", Created: time.Minute})
	m := latency.Median([]latency.Run{odd, run(0), run(time.Second)})
	assert.Equal(t, run(time.Second).Committed, m.Committed)
	assert.Equal(t, run(time.Second).Ended, m.Ended)
	require.Len(t, m.Steps, 3, "what only one run had is no median")
	assert.Equal(t, "listen", m.Steps[0].Name)
	assert.Equal(t, run(time.Second).Steps[2], m.Steps[1])
	assert.Equal(t, run(time.Second).Steps[1], m.Steps[2])
}

func TestShares(t *testing.T) {
	assert.Equal(t, []latency.Share{
		{What: "starting the steps' containers", Time: 5 * time.Second},
		{What: "the steps' own work", Time: 3 * time.Second}, // until the commit
		{What: "the engine, before and between the steps", Time: 3 * time.Second},
	}, run(0).Shares())
	assert.Equal(t, "Of the 11.00 s from trigger to committed replica snapshot, most goes into starting the steps' containers (5.00 s, 45 %); "+
		"the rest into the steps' own work (3.00 s, 27 %) and the engine, before and between the steps (3.00 s, 27 %).", run(0).Verdict())
	assert.Contains(t, latency.Median(nil).Verdict(), "0.00 s")
}

func TestTable(t *testing.T) {
	var b strings.Builder
	require.NoError(t, latency.Median([]latency.Run{run(0)}).WriteTable(&b))
	assert.Regexp(t, `(?m)^source +push +6\.00 s +9\.00 s +12\.00 s +3\.00 s +3\.00 s`, b.String())
	assert.Regexp(t, `(?m)^commit +11\.00 s`, b.String())
}
