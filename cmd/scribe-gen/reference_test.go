package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/docs/markdown"
)

//go:generate go test . -run TestReferenceIsCurrent -update

const referenceFile = "../../docs/cli.md"

const referencePreamble = `# Command line

Every command of scribe-gen, with its flags and exit codes. ` + "`scribe-gen COMMAND --help`" + `
prints the same. stdout holds the product and nothing else; progress, warnings
and errors go to stderr. An error line begins with ` + "`scribe-gen:`" + `, a line that says
what to do about it with ` + "`hint:`" + `.
`

// TestReferenceIsCurrent compares docs/cli.md with the commands that there are.
func TestReferenceIsCurrent(t *testing.T) {
	want := reference(quietRoot())
	if *update {
		require.NoError(t, os.WriteFile(referenceFile, want, 0o644))
	}
	got, err := os.ReadFile(referenceFile)
	require.NoError(t, err, "write it with: go generate ./cmd/scribe-gen")
	assert.True(t, bytes.Equal(want, got), "docs/cli.md is not that of the commands; write it with: go generate ./cmd/scribe-gen")
}

func quietRoot() *cobra.Command {
	return newRootCommand(streams{in: strings.NewReader(""), out: io.Discard, err: io.Discard})
}

func TestEveryCommandIsDescribed(t *testing.T) {
	for _, cmd := range verbs(quietRoot()) {
		if cmd.Name() == "completion" {
			continue // cobra's own
		}
		assert.NotEmpty(t, cmd.Short, cmd.Name())
		assert.NotEmpty(t, cmd.Long, cmd.Name())
		assert.NotEmpty(t, cmd.Example, cmd.Name())
		assert.NotEmpty(t, exitCodes(cmd), cmd.Name())
		cmd.Flags().VisitAll(func(f *pflag.Flag) { assert.NotEmpty(t, f.Usage, "%s --%s", cmd.Name(), f.Name) })
	}
}

// reference is the text of docs/cli.md.
func reference(root *cobra.Command) []byte {
	var b bytes.Buffer
	b.WriteString(referencePreamble)
	var rows [][]string
	list := verbs(root)
	for _, cmd := range list {
		rows = append(rows, []string{fmt.Sprintf("[`%s`](#%s)", cmd.Name(), cmd.Name()), markdown.Escape(cmd.Short)})
	}
	b.WriteString("\n" + markdown.Table([]string{"command", "what it does"}, rows))
	b.WriteString("\n## Environment\n\n" + markdown.Table([]string{"variable", "meaning"}, [][]string{
		{markdown.Word(stepsVariable), "Directory of the step binaries, where `--steps` does not name one."},
	}))
	for _, cmd := range list {
		section(&b, cmd)
	}
	return b.Bytes()
}

// verbs are the commands but help, which says what this reference says.
func verbs(root *cobra.Command) []*cobra.Command {
	return slices.DeleteFunc(slices.Clone(root.Commands()), func(c *cobra.Command) bool { return c.Name() == "help" })
}

// section describes one command.
func section(b *bytes.Buffer, cmd *cobra.Command) {
	fmt.Fprintf(b, "\n## %s\n\n%s.\n\n%s\n", cmd.Name(), markdown.Escape(cmd.Short), markdown.Code("text", cmd.UseLine()))
	b.WriteString(markdown.Prose(cmd.Long))
	if rows := flagRows(cmd); len(rows) > 0 {
		b.WriteString("\n" + markdown.Table([]string{"flag", "default", "meaning"}, rows))
	}
	if children := cmd.Commands(); len(children) > 0 {
		var rows [][]string
		for _, child := range children {
			rows = append(rows, []string{markdown.Word(child.CommandPath()), markdown.Escape(child.Short)})
		}
		b.WriteString("\n" + markdown.Table([]string{"command", "what it does"}, rows))
	}
	if rows := exitCodes(cmd); len(rows) > 0 {
		b.WriteString("\n" + markdown.Table([]string{"exit code", "meaning"}, rows))
	}
	if cmd.Example != "" {
		b.WriteString("\n" + markdown.Code("sh", cmd.Example))
	}
}

func flagRows(cmd *cobra.Command) (rows [][]string) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		name, usage := pflag.UnquoteUsage(f)
		flag := strings.TrimSpace("--" + f.Name + " " + name)
		if f.Shorthand != "" {
			flag = "-" + f.Shorthand + ", " + flag
		}
		initial := f.DefValue
		if slices.Contains([]string{"false", "0s", "[]"}, initial) {
			initial = "" // what no flag has said
		}
		rows = append(rows, []string{markdown.Word(flag), markdown.Word(initial), markdown.Escape(usage)})
	})
	return rows
}

var exitLine = regexp.MustCompile(`(?m)^  ([0-9]+) +(.*)$`)

// exitCodes are those that the command's help ends with.
func exitCodes(cmd *cobra.Command) (rows [][]string) {
	var help bytes.Buffer
	cmd.SetOut(&help)
	if err := cmd.Help(); err != nil {
		return nil
	}
	_, table, _ := strings.Cut(help.String(), "EXIT STATUS\n")
	for _, m := range exitLine.FindAllStringSubmatch(table, -1) {
		rows = append(rows, []string{m[1], markdown.Escape(m[2])})
	}
	return rows
}
