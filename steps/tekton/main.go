// Command tekton does for Tekton what other engines do themselves: it starts runs
// on a schedule and lets one at a time work.
package main

import (
	"os"

	"github.com/backube/scribe-gen/steps/internal/program"
)

func main() { os.Exit(program.Tekton()) }
