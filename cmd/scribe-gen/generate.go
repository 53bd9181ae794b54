package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/backube/scribe-gen/generator"
	"github.com/backube/scribe-gen/generator/manifest"
	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/generator/spec"
	"github.com/backube/scribe-gen/templates/argo"
	"github.com/backube/scribe-gen/templates/tekton"
)

// engines are the engines that bundles can be made for. A new one is one more
// entry.
func engines() []generator.Engine { return []generator.Engine{argo.Engine{}, tekton.Engine{}} }

func newGenerateCommand(io streams) *cobra.Command {
	var paths []string
	var engine, directory string
	cmd := &cobra.Command{
		Use:   "generate -f SPEC... [-o DIR] [-e ENGINE]",
		Short: "Compile replication specs into the objects of each site",
		Long: `Compiles replication specs into Kubernetes objects: a bundle for each site, to be
applied in that site's cluster.

Without -o the objects are printed as one YAML stream. With it they are written
to DIR/SITE/REPLICATION.yaml, beside a kustomization.yaml that lists all of the
site, for "kubectl apply -k" and GitOps tools. A file that an earlier run wrote and
that has no objects any more is removed; files that scribe-gen did not write are
never touched. The same spec gives the same bytes everywhere.

When anything is wrong, in any spec, nothing is printed or written. Sites of
engine local have no objects: scribe-gen run serves them.`,
		Example: `  scribe-gen generate -f examples/dr/replication.yaml | kubectl apply --dry-run=server -f -
  scribe-gen generate -f examples/dr -o bundles
  scribe-gen generate -f examples/dr -e tekton -o bundles`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			documents, err := io.loadSpecs(paths, spec.WithEngine(spec.Engine(engine)))
			if err != nil {
				return err
			}
			bundles, err := compile(documents)
			if err != nil {
				return err
			}
			if err := io.emit(bundles, directory); err != nil {
				return err
			}
			io.noteLocalSites(documents)
			return nil
		},
	}
	addFileFlag(cmd, &paths)
	addEngineFlag(cmd, &engine)
	cmd.Flags().StringVarP(&directory, "output", "o", "", "`DIR` to write DIR/SITE/REPLICATION.yaml to, instead of printing")
	// Registration fails only for a flag that does not exist.
	_ = cmd.MarkFlagDirname("output")
	return cmd
}

// compile returns the bundles of all documents, or everything that is wrong with
// any of them. Compilation depends on the spec alone, so whatever fails is a
// problem of the spec.
func compile(documents []spec.Document) ([]manifest.Bundle, error) {
	var bundles []manifest.Bundle
	var problems spec.Problems
	for _, d := range documents {
		b, err := generator.Compile(d.Replication, engines()...)
		bundles = append(bundles, b...)
		for _, err := range leaves(err) {
			problems = append(problems, compileProblem(d.File, err))
		}
	}
	if len(problems) > 0 {
		return nil, invalidSpecError{problems}
	}
	return bundles, nil
}

// leaves takes joined errors apart, also those that were wrapped as one.
func leaves(err error) []error {
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		joined, ok := inner.(interface{ Unwrap() []error })
		if !ok {
			continue
		}
		var all []error
		for _, err := range joined.Unwrap() {
			all = append(all, leaves(err)...)
		}
		return all
	}
	if err == nil {
		return nil
	}
	return []error{err}
}

// compileProblem reports an error of compilation like any other problem of the
// spec, with its field where it has one.
func compileProblem(file string, err error) spec.Problem {
	var unsupported *plan.UnsupportedError
	switch {
	case !errors.As(err, &unsupported):
		return spec.Problem{File: file, Detail: err.Error()}
	case unsupported.Engine == "":
		return spec.Problem{File: file, Field: unsupported.Path, Detail: "not supported: " + unsupported.Reason}
	}
	detail := fmt.Sprintf("not supported by engine %s: %s", unsupported.Engine, unsupported.Reason)
	return spec.Problem{File: file, Field: unsupported.Path, Detail: detail}
}

// emit prints the bundles, or writes them below a directory and says what became
// of each file.
func (s streams) emit(bundles []manifest.Bundle, directory string) error {
	if directory == "" {
		var stream bytes.Buffer
		if err := manifest.Encode(&stream, bundles); err != nil {
			return err
		}
		if _, err := s.out.Write(stream.Bytes()); err != nil {
			return fmt.Errorf("printing the objects: %w", err)
		}
		return nil
	}
	changes, err := manifest.Write(directory, bundles)
	for _, list := range []struct {
		what  string
		paths []string
	}{{"written", changes.Written}, {"unchanged", changes.Unchanged}, {"removed", changes.Removed}} {
		for _, path := range list.paths {
			s.note("%-9s %s", list.what, path)
		}
	}
	for _, k := range changes.Outdated {
		s.noteOutdated(k)
	}
	return err
}

// noteOutdated says what to change in a kustomization that scribe-gen does not touch.
func (s streams) noteOutdated(k manifest.Kustomization) {
	var changes []string
	if len(k.Missing) > 0 {
		changes = append(changes, "add to its resources: "+strings.Join(k.Missing, ", "))
	}
	if len(k.Gone) > 0 {
		changes = append(changes, "remove from its resources: "+strings.Join(k.Gone, ", "))
	}
	s.note("%s: scribe-gen did not write this file and leaves it alone; %s", k.Path, strings.Join(changes, "; "))
}

// noteLocalSites says how sites without objects are served.
func (s streams) noteLocalSites(documents []spec.Document) {
	for _, d := range documents {
		for _, name := range d.Replication.SiteNames() {
			if d.Replication.Spec.Sites[name].Engine == spec.EngineLocal {
				s.note("site %s: engine local has no objects; run: scribe-gen run -f %s --site %s", name, d.File, name)
			}
		}
	}
}
