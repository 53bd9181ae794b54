// Command promote makes an application's claim from a replica snapshot and ends
// replication to the replica.
package main

import (
	"os"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/promote"
	"github.com/backube/scribe-gen/steps/internal/step"
)

func main() {
	os.Exit(step.Main(contract.ProgramPromote, "Fail over to a replica", promote.Verb()))
}
