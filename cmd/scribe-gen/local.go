package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/templates/local"
)

// stepsVariable is the environment variable that names the directory of the step
// binaries.
const stepsVariable = "SCRIBE_STEPS"

// selection is which relationships a command works on, and where its steps are.
type selection struct {
	paths              []string
	relationship, site string
	steps              string
}

func (s *selection) addFlags(cmd *cobra.Command) {
	addFileFlag(cmd, &s.paths)
	cmd.Flags().StringVar(&s.relationship, "relationship", "", "only this relationship: <replication>-<destination site>")
}

func (s *selection) addSiteFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.site, "site", "", "only what runs at this site")
}

func (s *selection) addStepsFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.steps, "steps", "", "directory of the step binaries (default $"+stepsVariable+", else steps/ beside scribe-gen)")
	_ = cmd.MarkFlagDirname("steps")
}

// target is one relationship of a spec.
type target struct {
	plan         *plan.Plan
	relationship string
}

// targets returns the selected relationships, in the order of the specs.
func (s *selection) targets(io streams) ([]target, error) {
	documents, err := io.loadSpecs(s.paths)
	if err != nil {
		return nil, err
	}
	var found []target
	var names []string
	for _, d := range documents {
		p, err := plan.Build(d.Replication)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", d.File, err)
		}
		for _, destination := range d.Replication.Spec.Destinations {
			name := contract.RelationshipName(d.Replication.Metadata.Name, destination.Site)
			names = append(names, name)
			if s.relationship == "" || s.relationship == name {
				found = append(found, target{plan: p, relationship: name})
			}
		}
	}
	if len(found) == 0 {
		return nil, usageErrorf("no relationship %q: there are %s", s.relationship, strings.Join(names, ", "))
	}
	return found, nil
}

// one returns the selected relationship; several are wrong usage.
func (s *selection) one(io streams) (target, error) {
	targets, err := s.targets(io)
	if err != nil {
		return target{}, err
	}
	if len(targets) > 1 {
		names := make([]string, len(targets))
		for i, t := range targets {
			names[i] = t.relationship
		}
		return target{}, usageErrorf("there are several relationships, choose one with --relationship: %s", strings.Join(names, ", "))
	}
	return targets[0], nil
}

// parts returns the target's pipelines of the given roles, at the given site or
// at all. A site with another engine is wrong usage.
func (t target) parts(site string, roles ...string) ([]local.Part, error) {
	for _, s := range t.plan.Sites {
		if s.Engine == local.Name || (site != "" && s.Name != site) || !takesPart(s, t.relationship, roles) {
			continue
		}
		return nil, notLocalError{site: s.Name, engine: s.Engine}
	}
	parts := local.Parts(t.plan, t.relationship, roles...)
	if site != "" {
		parts = slices.DeleteFunc(parts, func(p local.Part) bool { return p.Site.Name != site })
	}
	if len(parts) == 0 && site != "" {
		return nil, usageErrorf("site %q takes no part in relationship %s", site, t.relationship)
	}
	return parts, nil
}

func takesPart(s plan.Site, relationship string, roles []string) bool {
	return slices.ContainsFunc(s.Relationships, func(r plan.Relationship) bool {
		return r.Name == relationship && slices.ContainsFunc(r.Pipelines, func(p plan.Pipeline) bool {
			return slices.Contains(roles, p.Role)
		})
	})
}

// notLocalError is a site that this version cannot reach.
type notLocalError struct{ site, engine string }

func (e notLocalError) Error() string {
	return fmt.Sprintf("site %s has engine %s: this version runs, connects and watches sites of engine local only", e.site, e.engine)
}

func (notLocalError) ExitCode() int { return contract.ExitUsage }

func (notLocalError) Hint() string {
	return "`scribe-gen generate -o bundles` writes a bundle for each site, to apply with kubectl; --site NAME runs a local site alone"
}

// hintedError is an error with a way out.
type hintedError struct {
	error
	hint string
}

func (e hintedError) Unwrap() error { return e.error }
func (e hintedError) Hint() string  { return e.hint }

// stepsDirectory finds the step binaries.
func (s *selection) stepsDirectory() (string, error) {
	dir := s.steps
	if dir == "" {
		dir = os.Getenv(stepsVariable)
	}
	if dir == "" {
		self, err := os.Executable()
		if err != nil {
			return "", fmt.Errorf("find the step binaries beside scribe-gen: %w", err)
		}
		dir = filepath.Join(filepath.Dir(self), "steps")
	}
	for _, program := range []string{contract.ProgramSnapshot, contract.ProgramRsync, contract.ProgramPromote} {
		if info, err := os.Stat(filepath.Join(dir, program)); err != nil || info.IsDir() {
			return "", hintedError{
				fmt.Errorf("no step binary %s in %s", program, dir),
				"`make build` builds them; --steps or $" + stepsVariable + " names their directory",
			}
		}
	}
	return filepath.Abs(dir)
}

// engine returns an engine that shows what it does, and a function to call when
// it is no longer used. While it is used, a second interrupt kills everything it
// runs at once.
func (s *selection) engine(io streams, c *console) (*local.Engine, func(), error) {
	dir, err := s.stepsDirectory()
	if err != nil {
		return nil, nil, err
	}
	engine := local.New(local.Options{Steps: dir, Reporter: c})
	signals, done := make(chan os.Signal, 2), make(chan struct{})
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		for n := 0; ; n++ {
			select {
			case <-done:
				return
			case <-signals:
			}
			if n > 0 {
				engine.Kill()
				continue
			}
			c.note("stopping; interrupt again to kill every step at once")
		}
	}()
	return engine, func() {
		signal.Stop(signals)
		close(done)
		c.finish()
	}, nil
}

// newRunID returns a run ID that sorts by time.
func newRunID(now time.Time) string {
	var random [3]byte
	_, _ = rand.Read(random[:]) // never fails: crypto/rand ends the process instead
	return now.UTC().Format("20060102-150405-") + hex.EncodeToString(random[:])
}

// exitError gives an error the exit code of the step that caused it.
type exitError struct{ error }

func (e exitError) Unwrap() error { return e.error }

// ExitCode is the step's where no retry mends what failed, so that a timer or
// script can tell; else 1.
func (e exitError) ExitCode() int {
	var step *local.StepError
	if errors.As(e.error, &step) && slices.Contains(contract.NoRetry[:], step.Exit) {
		return step.Exit
	}
	return contract.ExitFailed
}
