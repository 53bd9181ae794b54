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
	"os/signal"
	"syscall"
	"time"

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

// Main runs a step binary with the process's arguments and returns its exit
// code. SIGINT and SIGTERM cancel the context; a second one ends the process at
// once.
func Main(program, short string, verbs ...Verb) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	return Run(ctx, os.Args[1:], os.Stdout, os.Stderr, program, short, verbs...)
}

// Run is Main with everything given.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer, program, short string, verbs ...Verb) int {
	code := contract.ExitDone
	root := &cobra.Command{
		Use: program, Short: short, SilenceErrors: true, SilenceUsage: true, Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return errors.New("a sub-command is required") },
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	for _, v := range verbs {
		env := &Env{Stdout: stdout, Stderr: stderr, Getenv: os.Getenv}
		cmd := command(v, env, &code)
		if v.Command.Verb() == "" {
			cmd.Use, cmd.SilenceErrors, cmd.SilenceUsage = program, true, true
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
		_, _ = fmt.Fprintf(stderr, "%s: %v\nhint: %s --help shows the arguments\n", program, err, program)
		return contract.ExitUsage
	}
	return code
}

// command makes the cobra command of a verb. Errors of Run are reported here;
// what cobra itself returns is wrong usage.
func command(v Verb, env *Env, code *int) *cobra.Command {
	cmd := &cobra.Command{
		Use: v.Command.Verb(), Short: v.Short, Long: v.Long + exitStatus, Example: v.Example,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			*code = execute(cmd.Context(), v, env)
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
  78  refused or failed for good; a retry cannot help`

// execute runs the verb, logs its end and writes the termination message.
func execute(ctx context.Context, v Verb, env *Env) int {
	c := commonOf(v.Command)
	name := stepName(v.Command)
	env.Log = newLogger(env, name, c)
	start := time.Now()
	out, err := v.Run(ctx, env)
	out.Step, out.Run, out.Seconds = name, c.Run, time.Since(start).Seconds()
	code := Code(err)
	describe(&out, err, code)
	if werr := writeTermination(c.TerminationFile, out); werr != nil {
		env.Log.Warn("the outcome could not be written", "error", werr)
	}
	if err != nil {
		env.Log.Error("failed", "error", err.Error(), "exit", code, "code", string(out.Code))
		return code
	}
	env.Log.Info("done", "outcome", string(out.Outcome), "reason", out.Reason, "seconds", out.Seconds)
	return code
}

// describe fills in how the step ended.
func describe(out *contract.Outcome, err error, code int) {
	switch {
	case err == nil && out.Outcome == "":
		out.Outcome = contract.ResultDone
	case err == nil:
	case code == contract.ExitFailed:
		out.Outcome, out.Code, out.Reason = contract.ResultFailed, Refusal(err), err.Error()
	default:
		out.Outcome, out.Code, out.Reason = contract.ResultRefused, Refusal(err), err.Error()
	}
}

func stepName(c contract.Command) string {
	if c.Verb() == "" {
		return c.Program()
	}
	return c.Program() + " " + c.Verb()
}
