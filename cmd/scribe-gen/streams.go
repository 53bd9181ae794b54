package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/backube/scribe-gen/generator/spec"
)

// streams are what a command reads and writes. stdout is the product and nothing
// else; what is for people goes to stderr.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// note prints a line for people.
func (s streams) note(format string, args ...any) {
	fmt.Fprintf(s.err, format+"\n", args...)
}

// loadSpecs reads the replications at the paths given with -f; "-" is standard
// input. The error prints every problem and ends the command with exit code 2.
func (s streams) loadSpecs(paths []string, changes ...spec.Change) ([]spec.Document, error) {
	if len(paths) == 0 {
		return nil, usageErrorf("no spec given: name a file, a directory or - (standard input) with -f")
	}
	documents, problems := spec.Load(paths, s.in, changes...)
	if len(problems) > 0 {
		return nil, invalidSpecError{problems}
	}
	return documents, nil
}

// addFileFlag adds -f.
func addFileFlag(cmd *cobra.Command, paths *[]string) {
	cmd.Flags().StringArrayVarP(paths, "file", "f", nil, "`SPEC` to read: a file, a directory or - (standard input); repeat for more (required)")
	// Registration fails only for a flag that does not exist.
	_ = cmd.MarkFlagFilename("file", "yaml", "yml")
}

// choice is a flag that takes one of a few words.
type choice struct {
	value   *string
	allowed []string
}

func (c choice) String() string {
	if c.value == nil {
		return ""
	}
	return *c.value
}

func (choice) Type() string { return "WORD" }

func (c choice) Set(word string) error {
	if !slices.Contains(c.allowed, word) {
		return fmt.Errorf("must be one of %s", strings.Join(c.allowed, ", "))
	}
	*c.value = word
	return nil
}

// addChoiceFlag adds a flag that takes one of the allowed words, with completion.
func addChoiceFlag(cmd *cobra.Command, value *string, name, short, usage string, allowed ...string) {
	cmd.Flags().VarP(choice{value, allowed}, name, short, usage)
	_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(allowed, cobra.ShellCompDirectiveNoFileComp))
}

// addEngineFlag adds -e.
func addEngineFlag(cmd *cobra.Command, engine *string) {
	var names []string
	for _, e := range spec.Engines() {
		names = append(names, string(e))
	}
	addChoiceFlag(cmd, engine, "engine", "e", "engine of every site, instead of those in the spec: argo, tekton or local", names...)
}
