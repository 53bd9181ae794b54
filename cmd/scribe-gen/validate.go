package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/backube/scribe-gen/generator/spec"
)

// The formats of -o.
const (
	formatText = "text"
	formatJSON = "json"
)

func newValidateCommand(io streams) *cobra.Command {
	var paths []string
	var engine string
	output := formatText
	cmd := &cobra.Command{
		Use:   "validate -f SPEC...",
		Short: "Check replication specs and report every problem",
		Long: `Checks replication specs without writing anything and prints every problem at
once, in the order of the file, one a line:

  FILE: FIELD.PATH: problem

With -o json the same problems are one list of objects with the keys file, field
and problem; the list of a valid spec is empty. Of a directory every *.yaml and
*.yml is read, also in its sub-directories; documents that are no replications
are passed over there, but a directory without any replication is an error.`,
		Example: `  scribe-gen validate -f examples/dr
  scribe-gen validate -f a.yaml -f b.yaml -o json
  kubectl kustomize overlays/dr | scribe-gen validate -f -`,
		Annotations: map[string]string{exitStatus: `  0  every spec is valid
  1  failed
  2  a spec is invalid or cannot be read, or wrong usage
`},
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			documents, err := io.loadSpecs(paths, spec.WithEngine(spec.Engine(engine)))
			return io.reportSpecs(documents, err, output)
		},
	}
	addFileFlag(cmd, &paths)
	addEngineFlag(cmd, &engine)
	addChoiceFlag(cmd, &output, "output", "o", "text or json", formatText, formatJSON)
	return cmd
}

// reportSpecs prints what validation found. Problems are the product of this
// command, so they go to stdout.
func (s streams) reportSpecs(documents []spec.Document, err error, output string) error {
	problems, ok := problemsOf(err)
	if err != nil && !ok {
		return err
	}
	switch {
	case output == formatJSON:
		if problems == nil {
			problems = spec.Problems{}
		}
		encoder := json.NewEncoder(s.out)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(problems); err != nil {
			return fmt.Errorf("printing the problems: %w", err)
		}
	case len(problems) > 0:
		if _, err := fmt.Fprintln(s.out, problems.Error()); err != nil {
			return fmt.Errorf("printing the problems: %w", err)
		}
	default:
		for _, d := range documents {
			s.note("%s: %s: valid", d.File, d.Replication.Metadata.Name)
		}
	}
	if len(problems) > 0 {
		return reportedError{}
	}
	return nil
}
