// Package step is what every step binary has in common: flags from the contract,
// logs on stderr, signals, exit codes and the termination message. It knows
// nothing of what a step does.
package step

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/backube/scribe-gen/steps/contract"
)

// Verb is one sub-command of a step binary; a binary whose only verb has the
// name "" has no sub-commands.
type Verb struct {
	// Command is a zero value of the arguments; flags set its fields before Run.
	Command contract.Command
	// Short, Long and Example are the help texts.
	Short, Long, Example string
	// OnlyFailure leaves an outcome only when the step fails: on success another step
	// of the pod has the last word.
	OnlyFailure bool
	// Run does the work. What it returns becomes the termination message; an
	// error decides the exit code by [Code].
	Run func(ctx context.Context, env *Env) (contract.Outcome, error)
}

// Env is what a step gets from its surroundings.
type Env struct {
	Log            *slog.Logger
	Stdout, Stderr io.Writer
	Getenv         func(string) string
}

// Program is a step binary.
type Program struct {
	Name, Short string
	Verbs       []Verb
	// Earlier finds out what became of the step in pods in which the engine started
	// it before; nil where there are no pods. It is asked only when
	// [contract.EarlierPodsVariable] is set.
	Earlier func(ctx context.Context, env *Env) (Earlier, error)
}

// Main runs the program with the process's arguments and returns its exit code.
// SIGINT and SIGTERM cancel the context; a second one ends the process at once.
func (p Program) Main() int {
	ctx, stop := untilSignal(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	return p.Run(ctx, os.Args[1:], os.Stdout, os.Stderr)
}

// Run is Main with everything given but the environment.
func (p Program) Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	code := contract.ExitDone
	root := &cobra.Command{
		Use: p.Name, Short: p.Short, SilenceErrors: true, SilenceUsage: true, Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return errors.New("a sub-command is required") },
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	for _, v := range p.Verbs {
		env := &Env{Stdout: stdout, Stderr: stderr, Getenv: os.Getenv}
		cmd := command(v, func(ctx context.Context) { code = p.execute(ctx, v, env) })
		if v.Command.Verb() == "" {
			cmd.Use, cmd.SilenceErrors, cmd.SilenceUsage = p.Name, true, true
			root = cmd
			continue
		}
		root.AddCommand(cmd)
	}
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err} })
	if err := root.ExecuteContext(ctx); err != nil {
		_, _ = fmt.Fprintf(stderr, "%s: %v\nhint: %s --help shows the arguments\n", p.Name, err, p.Name)
		return contract.ExitUsage
	}
	return code
}

// command makes the cobra command of a verb. Errors of Run are reported here;
// what cobra itself returns is wrong usage.
func command(v Verb, execute func(context.Context)) *cobra.Command {
	cmd := &cobra.Command{
		Use: v.Command.Verb(), Short: v.Short, Long: v.Long + exitStatus, Example: v.Example,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			execute(cmd.Context())
			return nil
		},
	}
	cmd.Flags().AddGoFlagSet(contract.Flags(v.Command))
	// A zero value stands for the default that the usage names.
	cmd.Flags().VisitAll(func(f *pflag.Flag) { f.DefValue = "" })
	return cmd
}

const exitStatus = `

EXIT STATUS
  0   done, or nothing to do
  1   failed; a retry may help
  2   wrong arguments
  78  refused or failed for good; a retry cannot help
With ` + contract.RetryLimitVariable + ` set, 143 and 130 say that SIGTERM or SIGINT ended the step.`

func stepName(c contract.Command) string {
	if c.Verb() == "" {
		return c.Program()
	}
	return c.Program() + " " + c.Verb()
}
