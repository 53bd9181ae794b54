package main

import (
	"bytes"
	"flag"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/generator/plan"
)

func unset(string) string { return "" }

func TestReport(t *testing.T) {
	if testing.Short() {
		t.Skip("needs rsync, and builds the steps")
	}
	var out bytes.Buffer
	file := filepath.Join(t.TempDir(), "steps.tar")
	require.NoError(t, run(t.Context(), []string{"-o", file, "--report"}, unset, &out))
	assert.FileExists(t, file)
	assert.Contains(t, out.String(), "/scribe/snapshot")
	assert.Contains(t, out.String(), "\n"+plan.Image+" (")
}

func TestWrongUsage(t *testing.T) {
	for _, c := range []struct {
		name, want string
		args       []string
		date       string
	}{
		{"nothing", "nothing to do", nil, ""},
		{"argument", `unexpected argument "tar"`, []string{"--report", "tar"}, ""},
		{"date", "SOURCE_DATE_EPOCH", []string{"--report"}, "today"},
		{"tag", "name the image", []string{"--report", "--tag", "A B"}, ""},
		{"system", "Debian's package database", []string{"--report", "--root", t.TempDir()}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := run(t.Context(), c.args, func(string) string { return c.date }, &bytes.Buffer{})
			assert.ErrorContains(t, err, c.want)
		})
	}
	assert.ErrorIs(t, run(t.Context(), []string{"-help"}, unset, &bytes.Buffer{}), flag.ErrHelp)
}
