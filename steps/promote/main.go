// Command promote makes an application's claim from a replica snapshot and ends
// replication to the replica.
package main

import (
	"os"

	"github.com/backube/scribe-gen/steps/internal/program"
)

func main() { os.Exit(program.Promote()) }
