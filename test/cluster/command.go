package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/backube/scribe-gen/test/cluster/boot"
	"github.com/backube/scribe-gen/test/cluster/build"
)

// newCommand returns the command with all of its verbs.
func newCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "cluster",
		Short:         "Kubernetes clusters for tests, on this machine",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(newUp(), newDown(), newStatus(), newBuild(), newKubectl(), newLoadImage())
	return root
}

// named adds the flag that chooses a cluster.
func named(c *cobra.Command) (*cobra.Command, *string) {
	return c, c.Flags().String("name", boot.DefaultName, "`name` of the cluster")
}

// newLog returns the log that people read.
func newLog(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			a.Value = slog.StringValue(a.Value.Time().Format("15:04:05.0"))
		}
		return a
	}}))
}

func newUp() *cobra.Command {
	c, name := named(&cobra.Command{
		Use:   "up",
		Short: "Make a cluster, or adopt it when it runs",
		Long: `Up makes a cluster, after building its programs and installing Debian packages
as far as they are missing. A cluster of that name that runs and is healthy is
left as it is; one that is broken, or was left by an up that was killed, is
removed first.`,
		Example: `  # a whole cluster, and its nodes
  cluster up
  KUBECONFIG=/var/tmp/scribe-cluster/dev/kubeconfig kubectl get nodes

  # an API server with all custom resources, for tests that run no pods
  cluster up --name api --control-plane`,
		Args: cobra.NoArgs,
	})
	controlPlane := c.Flags().Bool("control-plane", false, "only etcd, API server, controller manager and Tekton, with all custom resources")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		up, err := boot.Up(cmd.Context(), boot.Options{Name: *name, ControlPlane: *controlPlane, Log: newLog(cmd.ErrOrStderr())})
		if err != nil {
			return err
		}
		fmt.Fprintln(cmd.OutOrStdout(), "export KUBECONFIG="+up.Kubeconfig)
		return nil
	}
	return c
}

func newDown() *cobra.Command {
	c, name := named(&cobra.Command{
		Use:   "down",
		Short: "Remove a cluster with all that it holds",
		Example: `  cluster down --name primary
  cluster down --all`,
		Args: cobra.NoArgs,
	})
	all := c.Flags().Bool("all", false, "remove every cluster of this machine")
	c.MarkFlagsMutuallyExclusive("name", "all")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		if *all {
			return boot.DownAll(cmd.Context())
		}
		return boot.Down(cmd.Context(), *name)
	}
	return c
}

func newBuild() *cobra.Command {
	return &cobra.Command{
		Use:   "build",
		Short: "Build the programs of clusters without making one",
		Long: `Build builds every component that is not in the cache, which is
$SCRIBE_CLUSTER_CACHE or scribe-gen/cluster in the user's cache directory. From
nothing that takes twelve to seventeen minutes on two cores.`,
		Example: `  cluster build
  SCRIBE_CLUSTER_CACHE=/srv/cache cluster build`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := build.New(newLog(cmd.ErrOrStderr()))
			if err != nil {
				return err
			}
			for _, component := range build.All() {
				dir, err := b.Ensure(cmd.Context(), component)
				if err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s\t%s\n", component, dir)
			}
			return nil
		},
	}
}

func newKubectl() *cobra.Command {
	c, name := named(&cobra.Command{
		Use:   "kubectl [--name NAME] -- ARGS...",
		Short: "Run kubectl on a cluster",
		Example: `  cluster kubectl -- get pods --all-namespaces
  cluster kubectl --name primary -- apply -f bundle.yaml`,
	})
	c.RunE = func(_ *cobra.Command, args []string) error {
		up, err := boot.Open(*name)
		if err != nil {
			return err
		}
		path := up.Binary("kubectl")
		// The same process, so that signals, terminal and exit code are kubectl's.
		env := append(os.Environ(), "KUBECONFIG="+up.Kubeconfig)
		return fmt.Errorf("run %s: %w", path, syscall.Exec(path, append([]string{path}, args...), env))
	}
	return c
}

func newLoadImage() *cobra.Command {
	c, name := named(&cobra.Command{
		Use:     "load-image --name NAME FILE.tar",
		Short:   "Load the images of a docker or OCI archive into a cluster's node",
		Example: `  cluster load-image --name primary steps.tar`,
		Args:    cobra.ExactArgs(1),
	})
	c.RunE = func(cmd *cobra.Command, args []string) error {
		up, err := boot.Open(*name)
		if err != nil {
			return err
		}
		return up.LoadImage(cmd.Context(), args[0])
	}
	return c
}
