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
	"github.com/backube/scribe-gen/generator/spec"
	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/templates/local"
	"github.com/backube/scribe-gen/templates/remote"
)

// stepsVariable is the environment variable that names the directory of the step
// binaries.
const stepsVariable = "SCRIBE_STEPS"

// selection is which relationships a command works on, and where its steps are.
type selection struct {
	paths              []string
	relationship, site string
	steps              string
	kubeconfig         string
	// open leads to a Kubernetes site; nil for the real way.
	open func(remote.Access) (*remote.Session, error)
}

func (s *selection) addFlags(cmd *cobra.Command) {
	addFileFlag(cmd, &s.paths)
	cmd.Flags().StringVar(&s.relationship, "relationship", "", "only this relationship: <replication>-<destination site>")
	cmd.Flags().StringVar(&s.kubeconfig, "kubeconfig", "", "kubeconfig `FILE` with the contexts of Kubernetes sites (default $KUBECONFIG, else ~/.kube/config)")
	_ = cmd.MarkFlagFilename("kubeconfig")
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
	document     spec.Document
	// publisher is set for what the source's site has of a replication through an
	// object store: it has no destination.
	publisher bool
}

// throughStore reports whether data goes through an object store.
func (t target) throughStore() bool { return t.document.Replication.Spec.Rclone != nil }

// targetsOf are the relationships of one spec: what publishes comes before those
// who pull.
func targetsOf(d spec.Document) ([]target, error) {
	p, err := plan.Build(d.Replication)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.File, err)
	}
	var all []target
	add := func(site string, publisher bool) {
		name := contract.RelationshipName(d.Replication.Metadata.Name, site)
		all = append(all, target{plan: p, relationship: name, document: d, publisher: publisher})
	}
	s := d.Replication.Spec
	if s.Rclone != nil {
		add(s.Source.Site, true)
	}
	for _, destination := range s.Destinations {
		add(destination.Site, false)
	}
	return all, nil
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
		all, err := targetsOf(d)
		if err != nil {
			return nil, err
		}
		for _, t := range all {
			names = append(names, t.relationship)
			if s.relationship == "" || s.relationship == t.relationship {
				found = append(found, t)
			}
		}
	}
	if len(found) == 0 {
		return nil, usageErrorf("no relationship %q: there are %s", s.relationship, strings.Join(names, ", "))
	}
	return found, nil
}

// one returns the selected relationship that has a destination; several are wrong
// usage.
func (s *selection) one(io streams) (target, error) {
	targets, err := s.targets(io)
	if err != nil {
		return target{}, err
	}
	targets = slices.DeleteFunc(targets, func(t target) bool { return t.publisher })
	if len(targets) == 0 {
		return target{}, usageErrorf("relationship %s publishes to an object store and has no destination", s.relationship)
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
func (s *selection) engine(c *console) (*local.Engine, func(), error) {
	engine, err := s.localEngine(c)
	if err != nil {
		return nil, nil, err
	}
	return engine, onInterrupts(c, "stopping; interrupt again to kill every step at once", engine.Kill), nil
}

func (s *selection) localEngine(c *console) (*local.Engine, error) {
	dir, err := s.stepsDirectory()
	if err != nil {
		return nil, err
	}
	return local.New(local.Options{Steps: dir, Reporter: c}), nil
}

// onInterrupts says what the first interrupt does, which the command's context
// tells of, and calls again at every further one. The function that is returned
// ends that, and the console's bar.
func onInterrupts(c *console, message string, again func()) (stop func()) {
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
				again()
				continue
			}
			c.note("%s", message)
		}
	}()
	return func() {
		signal.Stop(signals)
		close(done)
		c.finish()
	}
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
