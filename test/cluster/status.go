package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/backube/scribe-gen/test/cluster/boot"
)

func newStatus() *cobra.Command {
	c := &cobra.Command{
		Use:   "status",
		Short: "Show the clusters of this machine, their programs and whether they are healthy",
		Example: `  cluster status
  cluster status -o json | jq '.[] | select(.healthy) | .kubeconfig'`,
		Args: cobra.NoArgs,
	}
	format := c.Flags().StringP("output", "o", "table", "table or json")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		if *format != "table" && *format != "json" {
			return fmt.Errorf("--output=%s: must be table or json", *format)
		}
		list, err := boot.List(cmd.Context())
		if err != nil {
			return err
		}
		if *format == "json" {
			e := json.NewEncoder(cmd.OutOrStdout())
			e.SetIndent("", "  ")
			return e.Encode(list)
		}
		return printTable(cmd.OutOrStdout(), list)
	}
	return c
}

// printTable prints a line per cluster and one per program.
func printTable(w io.Writer, list []boot.Status) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(w, "no clusters; make one with: cluster up")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "CLUSTER\tPROGRAM\tPID\tHEALTHY\tDETAIL")
	for _, s := range list {
		detail := s.Kubeconfig
		if s.Problem != "" {
			detail = s.Problem
		}
		fmt.Fprintf(t, "%s\t\t\t%s\t%s\n", s.Name, yes(s.Healthy), detail)
		for _, p := range s.Programs {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", s.Name, p.Name, pid(p.PID), yes(p.Healthy), p.Problem)
		}
	}
	return t.Flush()
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func pid(n int) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprint(n)
}
