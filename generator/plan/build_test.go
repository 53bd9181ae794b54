package plan

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/generator/spec"
	"github.com/backube/scribe-gen/steps/contract"
)

const sample = `
apiVersion: scribe.backube/v1alpha1
kind: Replication
metadata:
  name: wikidata
spec:
  sites:
    primary: {namespace: wiki}
    secondary: {namespace: wiki-dr}
  source: {site: primary, persistentVolumeClaim: wikidata}
  destinations:
  - {site: secondary, persistentVolumeClaim: replica, capacity: 10Gi}
  rsync: {}
  filters: {exclude: ["*.tmp", "cache/"]}
  schedule: {cron: "*/15 * * * *"}
`

// parseText reads a spec after replacing text in it, in pairs of old and new.
func parseText(t *testing.T, text string, replace ...string) *spec.Replication {
	t.Helper()
	text = strings.NewReplacer(replace...).Replace(text)
	list, problems := spec.Parse("spec.yaml", []byte(text))
	require.Empty(t, problems)
	require.Len(t, list, 1)
	return list[0]
}

func build(t *testing.T, replace ...string) *Plan { return buildText(t, sample, replace...) }

func buildText(t *testing.T, text string, replace ...string) *Plan {
	t.Helper()
	p, err := Build(parseText(t, text, replace...))
	require.NoError(t, err)
	require.NoError(t, Check(p))
	return p
}

// names lists steps as "pipeline: step step / always".
func names(r Relationship) []string {
	var list []string
	for _, p := range r.Pipelines {
		line := p.Name + ":"
		for _, s := range p.Steps {
			line += " " + s.Name
		}
		for _, s := range p.Finally {
			line += " / " + s.Name
		}
		list = append(list, line)
	}
	return list
}

func TestBuild(t *testing.T) {
	p := build(t)
	require.Len(t, p.Sites, 2)
	primary, secondary := p.Sites[0].Relationships[0], p.Sites[1].Relationships[0]
	assert.Equal(t, []string{"scribe-wikidata-secondary-src: snapshot push / cleanup"}, names(primary))
	assert.Equal(t, []string{
		"scribe-wikidata-secondary-dst: keys listen prune",
		"scribe-wikidata-secondary-promote: promote",
	}, names(secondary))
	assert.Nil(t, primary.Listener)
	assert.Equal(t, "scribe-wikidata-secondary", secondary.Listener.Service)
	assert.Equal(t, []Text{{
		Name:  "scribe-wikidata-secondary-filters",
		Files: map[string]string{"filters": "- *.tmp\n- cache/\n"},
	}}, primary.Texts)
	assert.Empty(t, primary.Claims)
	assert.Equal(t, "10Gi", secondary.Claims[0].Capacity)
}

func TestBuildCommands(t *testing.T) {
	p := build(t)
	push := p.Sites[0].Relationships[0].Pipelines[0].Steps[1]
	assert.Equal(t, []string{
		"push",
		"--replication=wikidata", "--relationship=wikidata-secondary", "--run-id=$[run]",
		"--max-delete=50%",
		"--filter-file=$[mounts.filters]/filters", "--method=$[steps.snapshot.method]", "--compress=Auto",
		"--root=$[mounts.data]", "--recovery-point=$[steps.snapshot.recovery-point]", "--keys=$[mounts.keys]",
		"--connect-timeout=10m0s", "--commit-timeout=15m0s",
	}, contract.Args(push.Command))
	assert.Equal(t, "$[steps.snapshot.claim]", push.Mounts[0].Source)
	assert.True(t, push.Mounts[0].ReadOnly)

	keys := p.Sites[1].Relationships[0].Pipelines[0].Steps[0]
	assert.Contains(t, contract.Args(keys.Command), "--address=scribe-wikidata-secondary.wiki-dr.svc")
	promote := p.Sites[1].Relationships[0].Pipelines[1].Steps[0]
	assert.Contains(t, contract.Args(promote.Command), "--claim=$[params.claim]")
}

func TestBuildDirect(t *testing.T) {
	p := build(t, "persistentVolumeClaim: wikidata", "persistentVolumeClaim: wikidata, copyMethod: Direct",
		"capacity: 10Gi", "copyMethod: Direct")
	assert.Equal(t, []string{"scribe-wikidata-secondary-dst: keys listen"}, names(p.Sites[1].Relationships[0]))
	listen := p.Sites[1].Relationships[0].Pipelines[0].Steps[1].Command.(*contract.RsyncListen)
	assert.Equal(t, "Direct", listen.CopyMethod)
	for _, site := range p.Sites {
		for _, a := range site.Relationships[0].Accounts {
			assert.Empty(t, a.Discover, a.Name)
		}
	}
}

func TestBuildWithin(t *testing.T) {
	p := build(t, "secondary: {namespace: wiki-dr}", "", "site: secondary", "site: primary")
	require.Len(t, p.Sites, 1)
	r := p.Sites[0].Relationships[0]
	assert.Equal(t, []string{
		"scribe-wikidata-primary-src: snapshot copy prune / cleanup",
		"scribe-wikidata-primary-promote: promote",
	}, names(r))
	assert.Nil(t, r.Listener)
	assert.Len(t, r.Claims, 1)
}

func TestBuildLocal(t *testing.T) {
	p := build(t, "{namespace: wiki}", "{engine: local, directory: /srv/a}",
		"{namespace: wiki-dr}", "{engine: local, directory: /srv/b}")
	listen := p.Sites[1].Relationships[0]
	assert.Nil(t, listen.Listener)
	keys := listen.Pipelines[0].Steps[0].Command.(*contract.RsyncKeys)
	assert.Equal(t, "127.0.0.1", keys.Address)
	assert.Equal(t, contract.Site{Directory: "/srv/b"}, keys.Site)
}

// The bundle must not change with the order in which a map is walked.
func TestBuildTwice(t *testing.T) {
	once, err := json.Marshal(build(t))
	require.NoError(t, err)
	for range 20 {
		again, err := json.Marshal(build(t))
		require.NoError(t, err)
		require.Equal(t, string(once), string(again))
	}
}

func TestAccounts(t *testing.T) {
	p := build(t)
	rights := map[string][]Rule{}
	for _, s := range p.Sites {
		for _, a := range s.Relationships[0].Accounts {
			assert.True(t, a.Create)
			assert.Equal(t, a.Name, a.Role)
			rights[strings.TrimPrefix(a.Name, "scribe-wikidata-secondary-")] = a.Rules
			for _, r := range append(a.Rules, a.Discover...) {
				assert.NotEmpty(t, r.Reason)
				assert.NotContains(t, r.Verbs, "*")
				assert.NotContains(t, r.Resources, "*")
			}
		}
	}
	assert.Empty(t, rights["push"], "what talks to the data has no rights")
	for _, r := range rights["listen"] {
		assert.NotContains(t, r.Verbs, "delete", "what receives data deletes nothing")
		assert.NotContains(t, r.Resources, "secrets")
	}
	for _, r := range rights["keys"] {
		assert.True(t, len(r.Names) > 0 || r.Verbs[0] == "create", "%+v", r)
	}
}

func TestAccountsOfTheUser(t *testing.T) {
	p := build(t, "rsync: {}", "rsync: {}\n  mover: {serviceAccountName: robot}")
	accounts := p.Sites[1].Relationships[0].Accounts
	assert.Equal(t, "scribe-wikidata-secondary-keys", accounts[0].Name)
	assert.Equal(t, "robot", accounts[1].Name)
	assert.False(t, accounts[1].Create)
	assert.Equal(t, "scribe-wikidata-secondary-listen", accounts[1].Role)
}

func TestTimes(t *testing.T) {
	tests := []struct {
		name, timeout, cron         string
		attempt, window, connect    time.Duration
		commit, source, destination time.Duration
	}{
		{"by hand", "6h", "", 5*time.Hour + 55*time.Minute, 5*time.Hour + 40*time.Minute, 10 * time.Minute,
			15 * time.Minute, 0, 5*time.Hour + 40*time.Minute},
		{"quarter", "6h", "*/15 * * * *", 5*time.Hour + 55*time.Minute, 13*time.Minute + 30*time.Second, 10 * time.Minute,
			15 * time.Minute, 5 * time.Minute, 13*time.Minute + 30*time.Second},
		{"daily", "6h", "@daily", 5*time.Hour + 55*time.Minute, 5*time.Hour + 40*time.Minute, 10 * time.Minute,
			15 * time.Minute, 5 * time.Minute, 5*time.Hour + 40*time.Minute},
		{"minute", "1m", "* * * * *", 54 * time.Second, 42 * time.Second, 42 * time.Second,
			12 * time.Second, 30 * time.Second, 42 * time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := spec.Spec{Timeout: test.timeout}
			if test.cron != "" {
				s.Schedule = &spec.Schedule{Cron: test.cron}
			}
			got, err := newTimes(&s)
			require.NoError(t, err)
			assert.Equal(t, test.attempt, got.attempt)
			assert.Equal(t, test.window, got.window)
			assert.Equal(t, test.connect, got.connect)
			assert.Equal(t, test.commit, got.commit)
			assert.Equal(t, test.source, got.sourceDeadline())
			assert.Equal(t, test.destination, got.destinationDeadline())
			assert.Less(t, got.window+got.cut, got.attempt, "a commit at the end of the window must fit")
			assert.Less(t, got.connect+got.commit, got.attempt+got.slack)
			assert.Less(t, got.attempt, got.run)
			assert.Less(t, got.copied+got.slack, got.run)
		})
	}
}

func TestPeriod(t *testing.T) {
	tests := map[string]time.Duration{
		"* * * * *":       time.Minute,
		"*/15 8-17 * * *": 15 * time.Minute,
		"0,50 * * * *":    10 * time.Minute,
		"0 0 * * 0":       7 * 24 * time.Hour,
		"0 0 1 * *":       28 * 24 * time.Hour,
		"@hourly":         time.Hour,
	}
	for expression, want := range tests {
		got, err := period(expression)
		require.NoError(t, err)
		assert.Equal(t, want, got, expression)
	}
	_, err := period("0 0 31 2 *")
	assert.ErrorContains(t, err, "never starts")
}

// Every plan of a valid spec keeps the invariants, from the shortest run to the
// longest.
func TestBuildAlwaysChecks(t *testing.T) {
	for _, timeout := range []string{"1m", "61s", "5m", "59m59s", "6h", "8784h"} {
		for _, cron := range []string{"* * * * *", "*/7 * * * *", "@hourly", "0 0 29 2 *", "@yearly"} {
			for _, method := range []string{"Auto", "Clone", "Snapshot", "Direct"} {
				p := build(t, "*/15 * * * *", cron, "rsync: {}", "rsync: {}\n  timeout: "+timeout,
					"persistentVolumeClaim: wikidata", "persistentVolumeClaim: wikidata, copyMethod: "+method)
				for _, s := range p.Sites {
					for _, pipeline := range s.Relationships[0].Pipelines {
						if pipeline.Schedule != nil {
							assert.Positive(t, pipeline.Schedule.StartingDeadline)
						}
					}
				}
			}
		}
	}
}

func TestPods(t *testing.T) {
	p := build(t, "rsync: {}", `rsync: {}
  mover:
    privileges: Owner
    nodeSelector: {disk: fast}
    resources: {limits: {memory: 4Gi}}
    affinity: {podAffinity: {}}
    image: example.com/steps:2`)
	steps := p.Sites[0].Relationships[0].Pipelines[0].Steps
	control, mover := steps[0].Pod, steps[1].Pod
	assert.False(t, control.Owner, "what mounts no volume needs no root")
	assert.True(t, mover.Owner)
	assert.Nil(t, control.Affinity)
	assert.NotNil(t, mover.Affinity)
	assert.Equal(t, "256Mi", control.Resources.Limits.Memory().String())
	assert.Equal(t, "4Gi", mover.Resources.Limits.Memory().String())
	for _, pod := range []Pod{control, mover} {
		assert.Equal(t, "example.com/steps:2", pod.Image)
		assert.Equal(t, map[string]string{"disk": "fast", "kubernetes.io/os": "linux"}, pod.NodeSelector)
	}
}

// Whoever gives the movers resources has a quota, or wants guarantees: then every
// container has what the movers have.
func TestResourcesOfSmallContainers(t *testing.T) {
	const without = `{"limits":{"memory":"256Mi"},"requests":{"cpu":"10m","memory":"64Mi"}}`
	for mover, want := range map[string]string{
		``:                                     without,
		`requests: {cpu: "2"}`:                 without,
		`limits: {cpu: "2"}`:                   `{"limits":{"cpu":"500m","memory":"256Mi"},"requests":{"cpu":"10m","memory":"64Mi"}}`,
		`limits: {cpu: 5m}`:                    `{"limits":{"cpu":"5m","memory":"256Mi"},"requests":{"cpu":"5m","memory":"64Mi"}}`,
		`requests: {ephemeral-storage: 1Gi}`:   `{"limits":{"memory":"256Mi"},"requests":{"cpu":"10m","ephemeral-storage":"16Mi","memory":"64Mi"}}`,
		`limits: {ephemeral-storage: 1Gi}`:     `{"limits":{"ephemeral-storage":"256Mi","memory":"256Mi"},"requests":{"cpu":"10m","ephemeral-storage":"16Mi","memory":"64Mi"}}`,
		`limits: {example.com/accelerator: 1}`: without,
	} {
		steps := build(t, "rsync: {}", "rsync: {}\n  mover: {resources: {"+mover+"}}").Sites[0].Relationships[0].Pipelines[0].Steps
		resources, err := json.Marshal(steps[0].Pod.Resources)
		require.NoError(t, err)
		assert.JSONEq(t, want, string(resources), mover)
		for _, s := range steps {
			added, err := json.Marshal(s.Pod.Added)
			require.NoError(t, err)
			if mover == "" {
				assert.JSONEq(t, `{}`, string(added), "the engine's own settings hold")
				continue
			}
			assert.JSONEq(t, want, string(added), "%s of %s", mover, s.Name)
		}
	}
}
