package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/backube/scribe-gen/generator/plan"
)

// version overrides the version of the build, with
// go build -ldflags "-X main.version=v1.2.3".
var version string

// buildInfo is what is known of this binary.
type buildInfo struct {
	// Version is that of the module; a build from a work tree has the version it
	// works towards, with "-devel".
	Version string `json:"version"`
	// Commit is the revision it was built from, with "-dirty" when files differed.
	Commit string `json:"commit,omitempty"`
	// Date is the commit's, RFC 3339.
	Date     string `json:"date,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func readBuildInfo() buildInfo {
	b := buildInfo{Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	if b.Version == "" {
		b.Version = info.Main.Version
	}
	// A build from a work tree has no version, or one made from the commit.
	if b.Version == "" || b.Version == "(devel)" || strings.HasPrefix(b.Version, "v0.0.0-") {
		b.Version = "v" + plan.Version + "-devel"
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value + b.Commit
		case "vcs.time":
			b.Date = s.Value
		case "vcs.modified":
			if s.Value == "true" {
				b.Commit += "-dirty"
			}
		}
	}
	return b
}

func newVersionCommand(io streams) *cobra.Command {
	output := formatText
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the version of scribe-gen",
		Long:    "Prints the version, the commit it was built from, the Go version and the platform.",
		Example: "  scribe-gen version\n  scribe-gen version -o json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			b := readBuildInfo()
			if output == formatJSON {
				return json.NewEncoder(io.out).Encode(b)
			}
			commit := b.Commit
			if commit == "" {
				commit = "unknown commit"
			}
			_, err := fmt.Fprintf(io.out, "scribe-gen %s (%s, %s, %s)\n", b.Version, commit, b.Go, b.Platform)
			return err
		},
	}
	addChoiceFlag(cmd, &output, "output", "o", "text or json", formatText, formatJSON)
	return cmd
}
