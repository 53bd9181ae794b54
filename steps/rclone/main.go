// Command rclone is the steps that replicate one source to many destinations
// through an object store: push and pull. It is not the rclone program, but holds
// rclone's backends as a library; they are why it is a binary of its own.
package main

import (
	"os"

	// Certificate authorities for stores on the Internet, where the image has none of
	// the system's.
	_ "golang.org/x/crypto/x509roots/fallback"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/earlier"
	"github.com/backube/scribe-gen/steps/internal/rclonepull"
	"github.com/backube/scribe-gen/steps/internal/rclonepush"
	"github.com/backube/scribe-gen/steps/internal/step"
)

func main() { os.Exit(run()) }

// run runs the program with the process's arguments and returns its exit code.
func run() int {
	return step.Program{
		Name: contract.ProgramRclone, Short: "Replicate a volume to many through an object store",
		Verbs: []step.Verb{rclonepush.Verb(), rclonepull.Verb()}, Earlier: earlier.Pods,
	}.Main()
}
