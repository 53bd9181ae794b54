package main

import (
	"context"

	"github.com/spf13/cobra"
)

// commands is the list of verbs. A new verb is one more line.
func commands(io streams) []*cobra.Command {
	return []*cobra.Command{
		newValidateCommand(io),
		newGenerateCommand(io),
		newRunCommand(io),
		newKeysCommand(io),
		newConnectCommand(io),
		newStatusCommand(io),
		newPromoteCommand(io),
		newVersionCommand(io),
	}
}

// run executes the command line and returns the exit code.
func run(ctx context.Context, args []string, io streams) int {
	root := newRootCommand(io)
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	return io.report(cmd, err)
}

// newRootCommand returns the command line. Help goes to stdout when it is asked
// for; everything else that is not the product goes to stderr.
func newRootCommand(io streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "scribe-gen",
		Short: "Replicate volumes between Kubernetes clusters with the workflow engine you have",
		Long: `scribe-gen compiles a replication spec - a source volume, its destinations, a
schedule - into the native objects of a workflow engine, one bundle for each
site. The cluster then needs nothing but that engine.

It also runs replications, sets up the keys of the two sides, shows how old each
replica is, and promotes a replica after a disaster.`,
		Example: `  scribe-gen validate -f examples/dr
  scribe-gen generate -f examples/dr/replication.yaml -o bundles
  kubectl apply -f bundles/secondary`,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usageErrorf("no command given")
		},
	}
	root.SetIn(io.in)
	root.SetOut(io.out)
	root.SetErr(io.err)
	root.AddCommand(commands(io)...)
	root.SetHelpTemplate(root.HelpTemplate() + exitStatusTemplate)
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	markRuns(root)
	return root
}

// exitStatus is the annotation that holds a command's own table of exit codes,
// a line for each, indented by two spaces.
const exitStatus = "exit-status"

// exitStatusTemplate ends the help of every command that does something.
const exitStatusTemplate = `{{if and .Runnable .HasParent}}
EXIT STATUS
{{with index .Annotations "exit-status"}}{{.}}{{else}}  0  done
  1  failed
  2  wrong usage or an invalid spec
{{end}}{{end}}`
