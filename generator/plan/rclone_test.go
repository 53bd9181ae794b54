package plan

import (
	"encoding/json"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/generator/spec"
	"github.com/backube/scribe-gen/steps/contract"
)

const fanOut = `
apiVersion: scribe.backube/v1alpha1
kind: Replication
metadata: {name: shop}
spec:
  sites:
    home: {namespace: shop, context: a}
    near: {namespace: near, context: a}
    far: {namespace: far, context: b}
    other: {namespace: other, context: a, engine: tekton}
    host: {engine: local, directory: /srv/shop}
  source: {site: home, persistentVolumeClaim: data, index: {}}
  destinations:
  - {site: near, persistentVolumeClaim: data, capacity: 1Gi}
  - {site: far, persistentVolumeClaim: data}
  - {site: other, persistentVolumeClaim: data, copyMethod: Direct}
  - {site: host, persistentVolumeClaim: data}
  rclone: {configSecret: store, remote: "s3:bucket/shop", customCA: {secret: ca}, trigger: Push}
  filters: {exclude: ["*.tmp"]}
  schedule: {cron: "*/15 * * * *"}
`

func buildFanOut(t *testing.T, replace ...string) *Plan { return buildText(t, fanOut, replace...) }

func siteOf(p *Plan, name string) Site {
	for _, s := range p.Sites {
		if s.Name == name {
			return s
		}
	}
	return Site{}
}

func TestPublisher(t *testing.T) {
	home := siteOf(buildFanOut(t), "home")
	require.Len(t, home.Relationships, 1, "one push, whatever the number of destinations")
	r := home.Relationships[0]
	assert.Equal(t, "shop-home", r.Name)
	require.Len(t, r.Pipelines, 1)
	p := r.Pipelines[0]
	assert.Equal(t, "scribe-shop-home-src", p.Name)
	assert.Equal(t, []string{"snapshot", "push"}, []string{p.Steps[0].Name, p.Steps[1].Name})
	push := p.Steps[1].Command.(*contract.RclonePush)
	assert.Equal(t, "s3:bucket/shop", push.Remote)
	assert.Equal(t, contract.Retain{Last: 3}, push.Retain)
	assert.Equal(t, "$[mounts.ca]/ca.crt", push.CA)
	assert.Equal(t, 6*time.Hour, push.Grace)
	assert.NotEmpty(t, push.FilterFile)
	assert.Equal(t, "$[mounts.index]", push.Index)
	require.Len(t, r.Claims, 1)
	assert.Equal(t, Claim{Name: "scribe-shop-home-index", Capacity: "1Gi", AccessModes: r.Claims[0].AccessModes}, r.Claims[0])
	require.Len(t, p.Starts, 1, "only what is of the same engine and context")
	assert.Equal(t, Start{
		Name: "start-near", Relationship: "shop-near", Pipeline: "scribe-shop-near-dst", Namespace: "near", Account: "scribe-shop-home-start",
	}, p.Starts[0])
	assert.Equal(t, "*/15 * * * *", p.Schedule.Cron)
}

func TestEdges(t *testing.T) {
	p := buildFanOut(t)
	for name, scheduled := range map[string]bool{"near": false, "far": true, "other": true, "host": true} {
		site := siteOf(p, name)
		require.Len(t, site.Relationships, 1, name)
		r := site.Relationships[0]
		assert.Equal(t, "shop-"+name, r.Name)
		pull := r.Pipelines[0]
		assert.Equal(t, "pull", pull.Steps[0].Name)
		assert.Equal(t, scheduled, pull.Schedule != nil, name)
		assert.Nil(t, r.Listener)
		text, err := json.Marshal(site)
		require.NoError(t, err)
		if name != "near" { // whose pulls the source may start
			assert.NotContains(t, string(text), "shop-home", "%s stands alone", name)
		}
	}
	near := siteOf(p, "near").Relationships[0]
	starter := near.Accounts[len(near.Accounts)-1]
	assert.Equal(t, Account{Name: "scribe-shop-home-start", Role: "scribe-shop-near-start", Namespace: "shop"}, starter)
	direct := siteOf(p, "other").Relationships[0]
	assert.Len(t, direct.Pipelines, 1, "nothing to promote without replica snapshots")
}

func TestEdgesPullBySchedule(t *testing.T) {
	p := buildFanOut(t, "trigger: Push", "trigger: Schedule")
	home := siteOf(p, "home").Relationships[0]
	assert.Empty(t, home.Pipelines[0].Starts)
	seen := map[string]bool{}
	for _, name := range []string{"near", "far", "other", "host"} {
		cron := siteOf(p, name).Relationships[0].Pipelines[0].Schedule.Cron
		assert.NotEqual(t, "*/15 * * * *", cron, "%s comes after the push", name)
		seen[cron] = true
	}
	assert.Greater(t, len(seen), 1, "they do not all come at once: %v", seen)
}

func TestLater(t *testing.T) {
	for _, test := range []struct {
		cron     string
		period   time.Duration
		same     bool
		unmoving string // what follows the minutes
	}{
		{"* * * * *", time.Minute, true, " * * * *"},
		{"*/15 * * * *", 15 * time.Minute, false, " * * * *"},
		{"50 * * * *", time.Hour, false, " * * * *"},
		{"0 2 * * *", 24 * time.Hour, false, " 2 * * *"},
		{"59 23 * * 0", 7 * 24 * time.Hour, true, " 23 * * 0"},
		{"10,20 4 1 * *", 24 * time.Hour, false, " 4 1 * *"},
	} {
		for _, name := range []string{"a-b", "a-c", "wiki-east", "wiki-west"} {
			moved := later(test.cron, test.period, name)
			assert.Equal(t, moved, later(test.cron, test.period, name), "the same every time")
			assert.Equal(t, test.same, moved == test.cron, "%s: %s", test.cron, moved)
			assert.Regexp(t, "^[0-9*,/]+"+regexp.QuoteMeta(test.unmoving)+"$", moved)
			before, err := period(test.cron)
			require.NoError(t, err)
			after, err := period(moved)
			require.NoError(t, err)
			assert.Equal(t, before, after, "%s and %s have the same period", test.cron, moved)
		}
	}
}

func TestRcloneAtTheSourcesSite(t *testing.T) {
	r := parseText(t, fanOut)
	r.Spec.Destinations[0].Site = "home"
	assert.Contains(t, spec.Validate(r).ToAggregate().Error(), "destinations[0].site")
}
