package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/templates/local"
)

// connectOptions are the flags of connect.
type connectOptions struct {
	selection
	wait   time.Duration
	force  bool
	output string
}

func newConnectCommand(io streams) *cobra.Command {
	o := &connectOptions{output: formatText}
	cmd := &cobra.Command{
		Use:   "connect -f SPEC...",
		Short: "Give sources the keys to reach their destinations",
		Long: `Copies the Secret that a source pushes with from the destination, where
` + "`scribe-gen keys`" + ` or the destination's first run made it, to the source, and prints
where the source will connect and the fingerprints. Both sites must be at hand:
directories of this host, or namespaces that the kubeconfig contexts lead to.
` + "`scribe-gen run`" + ` with both sites does this by itself; it is needed when each site
runs on its own.

The address is that of the destination's site in the spec. Without one, and with a
Service of type LoadBalancer, it is the address that the load balancer got; else
the Service's name, which only its own cluster knows.`,
		Example: `  scribe-gen keys -f replication.yaml
  scribe-gen connect -f replication.yaml
  scribe-gen connect -f replication.yaml --wait 2m`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.connect(cmd.Context(), io) },
	}
	o.addFlags(cmd)
	cmd.Flags().DurationVar(&o.wait, "wait", 0, "how long a Kubernetes destination may take to make the keys and to get an address (default: not at all)")
	addForceFlag(cmd, &o.force)
	addChoiceFlag(cmd, &o.output, "output", "o", "text or json", formatText, formatJSON)
	return cmd
}

func addForceFlag(cmd *cobra.Command, force *bool) {
	cmd.Flags().BoolVar(force, "force-conflicts", false, "take over fields that another field manager has set")
}

func (o *connectOptions) connect(ctx context.Context, io streams) error {
	targets, err := o.targets(io)
	if err != nil {
		return err
	}
	all := []carried{}
	for _, t := range targets {
		if t.throughStore() {
			noteKeyless(io, t)
			continue
		}
		ends, err := o.reach(io, t, "", contract.RoleDestination, contract.RoleSource)
		if err != nil {
			return err
		}
		if len(ends) < 2 {
			io.note("%s: needs no keys, as both its ends are at one site", t.relationship)
			continue
		}
		c := carrier{io: io, from: ends[0], to: ends[1], wait: o.wait, force: o.force}
		what, err := o.carry(ctx, t, c)
		if err != nil {
			return fmt.Errorf("relationship %s: %w", t.relationship, err)
		}
		all = append(all, what)
	}
	if o.output == formatJSON {
		return printJSON(io.out, all)
	}
	w := tabwriter.NewWriter(io.out, 0, 0, 2, ' ', 0)
	for _, c := range all {
		if c.Client == "" {
			fmt.Fprintf(io.out, "%s: site %s may push: %s\n", c.Relationship, c.Site, c.Secret)
			continue
		}
		fmt.Fprintf(w, "relationship\t%s\nsource\tsite %s may push\nSecret\t%s, %s\naddress\t%s, port %s\nclient key\t%s\nhost key\t%s\n",
			c.Relationship, c.Site, c.Secret, c.Result, c.Address, c.Port, c.Client, strings.Join(c.Host, ", "))
	}
	return w.Flush()
}

// carry copies between directories as a whole, as nothing has to change on the
// way; everything else goes through the carrier.
func (o *connectOptions) carry(ctx context.Context, t target, c carrier) (carried, error) {
	if !t.allLocal("") {
		return c.carry(ctx)
	}
	err := local.Connect([]local.Part{c.from.Part, c.to.Part})
	if errors.Is(err, fs.ErrNotExist) {
		return carried{}, hintedError{fmt.Errorf("no keys yet: %w", err), "`scribe-gen keys` makes them"}
	}
	return carried{
		Relationship: t.relationship, Site: c.to.Site.Name,
		Secret: c.to.Layout().Secret(contract.PushSecret(t.relationship)), Result: "changed",
	}, err
}
