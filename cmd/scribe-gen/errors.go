package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/backube/scribe-gen/generator/spec"
	"github.com/backube/scribe-gen/steps/contract"
)

// usageError is a wrong command line: exit code 2 and a hint to the help.
type usageError struct{ error }

func usageErrorf(format string, args ...any) error {
	return usageError{fmt.Errorf(format, args...)}
}

func (usageError) ExitCode() int { return contract.ExitUsage }

// invalidSpecError is a spec with problems. They are printed one a line, bare, as
// other programs read them.
type invalidSpecError struct{ spec.Problems }

// problemsOf returns the problems of an invalidSpecError.
func problemsOf(err error) (spec.Problems, bool) {
	var invalid invalidSpecError
	ok := errors.As(err, &invalid)
	return invalid.Problems, ok
}

// reportedError ends a command with exit code 2 after it printed why.
type reportedError struct{}

func (reportedError) Error() string { return "invalid spec" }

// noArgs refuses arguments: specs are named with -f, also when a shell expands a
// pattern to several.
func noArgs(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("unexpected argument %q: repeat -f for each spec", args[0])
	}
	return nil
}

// runError marks an error of a command's own work. Every other error that cobra
// returns is about the command line.
type runError struct{ error }

func (e runError) Unwrap() error { return e.error }

// markRuns makes every command's errors runErrors.
func markRuns(cmd *cobra.Command) {
	if work := cmd.RunE; work != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			if err := work(cmd, args); err != nil {
				return runError{err}
			}
			return nil
		}
	}
	for _, child := range cmd.Commands() {
		markRuns(child)
	}
}

// report prints an error and returns the exit code that goes with it: the one
// that the error has (ExitCode() int), or 1. A Hint() string is printed on a line
// of its own.
func (s streams) report(cmd *cobra.Command, err error) int {
	if err == nil {
		return contract.ExitDone
	}
	if errors.As(err, &reportedError{}) {
		return contract.ExitUsage
	}
	if problems, ok := problemsOf(err); ok {
		s.note("%s", problems.Error())
		return contract.ExitUsage
	}
	if !errors.As(err, &runError{}) {
		err = usageError{err}
	}
	s.note("scribe-gen: %v", err)
	if hinter := (interface{ Hint() string })(nil); errors.As(err, &hinter) && hinter.Hint() != "" {
		s.note("hint: %s", hinter.Hint())
	} else if errors.As(err, &usageError{}) {
		s.note("hint: %s --help shows how it is used", cmd.CommandPath())
	}
	if coder := (interface{ ExitCode() int })(nil); errors.As(err, &coder) {
		return coder.ExitCode()
	}
	return contract.ExitFailed
}
