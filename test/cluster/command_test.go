package main

import (
	"bytes"
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/test/cluster/boot"
)

func execute(args ...string) (string, error) {
	var out bytes.Buffer
	c := newCommand()
	c.SetOut(&out)
	c.SetErr(&out)
	c.SetArgs(args)
	err := c.ExecuteContext(context.Background())
	return out.String(), err
}

func TestEveryVerbHasExamples(t *testing.T) {
	for _, verb := range newCommand().Commands() {
		out, err := execute(verb.Name(), "--help")
		require.NoError(t, err)
		assert.Contains(t, out, "Examples:", verb.Name())
	}
}

func TestWrongUsage(t *testing.T) {
	for want, args := range map[string][]string{
		"if any flags in the group": {"down", "--all", "--name", "a"},
		"table or json":             {"status", "-o", "yaml"},
		"accepts 1 arg":             {"load-image"},
		"no such file":              {"kubectl", "--name", "never-made", "--", "version"},
		"no cluster can have it":    {"down", "--name", "wan"},
		"unknown command":           {"upp"},
	} {
		_, err := execute(args...)
		assert.ErrorContains(t, err, want)
	}
}

func TestTable(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, printTable(&out, nil))
	assert.Contains(t, out.String(), "cluster up")
	out.Reset()
	require.NoError(t, printTable(&out, []boot.Status{
		{Name: "a", Healthy: false, Kubeconfig: "/k", Programs: []boot.ProgramStatus{
			{Name: "etcd", PID: 42, Healthy: true}, {Name: "dns", Problem: "dns does not run"}}},
		{Name: "b", Problem: "being made"},
	}))
	assert.Equal(t, `CLUSTER  PROGRAM  PID  HEALTHY  DETAIL
a                      no       /k
a        etcd     42   yes      
a        dns      -    no       dns does not run
b                      no       being made
`, out.String())
}
