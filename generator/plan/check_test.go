package plan

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/steps/contract"
)

func TestCheck(t *testing.T) {
	// Each case breaks one thing of a good plan.
	source := func(p *Plan) *Pipeline { return &p.Sites[0].Relationships[0].Pipelines[0] }
	tests := map[string]struct {
		spoil func(*Plan)
		want  string
	}{
		"twice": {func(p *Plan) { source(p).Steps[1].Name = "snapshot" }, `two steps are named "snapshot"`},
		"order": {func(p *Plan) { source(p).Steps[0].Needs = []string{"push"} }, `needs "push", which is no step before it`},
		"unreachable output": {func(p *Plan) { source(p).Steps[1].Needs = nil },
			`uses output "snapshot.claim", which is not known when it starts`},
		"output that always-run steps use": {func(p *Plan) {
			source(p).Finally[0].Command.(*contract.SnapshotCleanup).Run = Output("snapshot", "claim")
		}, `uses output "snapshot.claim"`},
		"unknown variable": {func(p *Plan) {
			source(p).Finally[0].Command.(*contract.SnapshotCleanup).Run = "$[rnu]"
		}, "unknown variable $[rnu]"},
		"unknown mount":   {func(p *Plan) { source(p).Steps[1].Mounts = source(p).Steps[1].Mounts[:2] }, `uses mount "filters"`},
		"two at one path": {func(p *Plan) { source(p).Steps[1].Mounts[1].Path = "/data" }, `two mounted paths are named "/data"`},
		"text":            {func(p *Plan) { p.Sites[0].Relationships[0].Texts = nil }, "no text"},
		"account":         {func(p *Plan) { source(p).Steps[0].Account = "nobody" }, `no account "nobody"`},
		"name":            {func(p *Plan) { source(p).Steps[0].Name = "Snapshot" }, `name "Snapshot": a lowercase RFC 1123 label`},
		"length":          {func(p *Plan) { source(p).Name = strings.Repeat("n", 53) }, "must be no more than 52 bytes"},
		"nesting":         {func(p *Plan) { source(p).Timeout = time.Hour }, "is not within the pipeline's 1h0m0s"},
		"no limit":        {func(p *Plan) { source(p).Steps[0].Timeout = 0 }, "timeout 0s is not positive"},
		"retry":           {func(p *Plan) { source(p).Steps[0].Retry.Limit = -1 }, "retry"},
		"port":            {func(p *Plan) { p.Sites[1].Relationships[0].Listener.TargetPort = 22 }, "listens on port 2222, not 22"},
		"setting":         {func(p *Plan) { source(p).Steps[0].Settings = []Setting{{Flag: "rotate"}} }, `has no flag "rotate"`},
		"set twice":       {func(p *Plan) { source(p).Steps[0].Settings = []Setting{{Flag: "claim"}} }, `flag "claim" is set by the command and by parameter`},
		"listener":        {func(p *Plan) { p.Sites[1].Relationships[0].Listener.Step = "hear" }, "no step hear"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p := build(t)
			test.spoil(p)
			assert.ErrorContains(t, Check(p), test.want)
		})
	}
}

// All problems come at once, each with its place.
func TestCheckReportsAll(t *testing.T) {
	p := build(t)
	steps := p.Sites[0].Relationships[0].Pipelines[0].Steps
	steps[0].Account, steps[1].Timeout = "nobody", -1
	err := Check(p)
	require.Error(t, err)
	assert.Equal(t, 2, strings.Count(err.Error(), "plan: site primary: relationship wikidata-secondary: pipeline "))
}

func TestExpand(t *testing.T) {
	value := func(v Variable) (string, error) { return string(v.Kind) + ":" + v.Step + ":" + v.Name, nil }
	got, err := Expand("a"+Run+"b"+Output("s", "o")+ParamValue("p")+MountPath("m")+"$[", value)
	require.NoError(t, err)
	assert.Equal(t, "arun::boutput:s:oparam::pmount::m$[", got)
	_, err = Expand("$[steps.a]", value)
	assert.EqualError(t, err, "unknown variable $[steps.a]")
}

// Expanding each variable to its own notation changes nothing, whatever is around
// it; what cannot be parsed is an error and never dropped.
func FuzzExpand(f *testing.F) {
	for _, seed := range []string{Run, Output("a", "b") + ParamValue("c"), "$[", "$[]", "$[$[run]]", "x$[mounts.m]/y", "$[steps..]"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := Expand(text, func(v Variable) (string, error) {
			switch v.Kind {
			case VariableRun:
				return Run, nil
			case VariableOutput:
				return Output(v.Step, v.Name), nil
			case VariableFile:
				return File(v.Name), nil
			case VariableParam:
				return ParamValue(v.Name), nil
			}
			return MountPath(v.Name), nil
		})
		require.Equal(t, text, got)
		_, parse := Variables(text)
		require.Equal(t, parse == nil, err == nil)
	})
}
