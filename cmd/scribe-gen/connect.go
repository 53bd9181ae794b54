package main

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/templates/local"
)

func newConnectCommand(io streams) *cobra.Command {
	var s selection
	cmd := &cobra.Command{
		Use:   "connect -f SPEC...",
		Short: "Give sources the keys to reach their destinations",
		Long: `Copies the Secret that a source pushes with from the destination, where
` + "`scribe-gen keys`" + ` made it, to the source. Both sites must be at hand. ` + "`scribe-gen run`" + `
with both sites does this by itself; it is needed when each site runs on its own.`,
		Example: `  scribe-gen keys -f replication.yaml
  scribe-gen connect -f replication.yaml`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return s.connect(io) },
	}
	s.addFlags(cmd)
	return cmd
}

func (s *selection) connect(io streams) error {
	targets, err := s.targets(io)
	if err != nil {
		return err
	}
	for _, t := range targets {
		parts, err := t.parts("", contract.RoleDestination, contract.RoleSource)
		if err != nil {
			return err
		}
		if len(parts) < 2 {
			io.note("%s: needs no keys, as both its ends are at one site", t.relationship)
			continue
		}
		err = local.Connect(parts)
		if errors.Is(err, fs.ErrNotExist) {
			return hintedError{fmt.Errorf("relationship %s has no keys yet: %w", t.relationship, err), "`scribe-gen keys` makes them"}
		}
		if err != nil {
			return err
		}
		for _, part := range parts {
			if part.Pipeline.Role == contract.RoleSource {
				fmt.Fprintf(io.out, "%s: site %s may push: %s\n", t.relationship, part.Site.Name,
					part.Layout().Secret(contract.PushSecret(t.relationship)))
			}
		}
	}
	return nil
}
