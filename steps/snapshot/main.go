// Command snapshot makes and removes the point-in-time copies of a replication's
// source, and removes replica snapshots by age.
package main

import (
	"os"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/snapshot"
	"github.com/backube/scribe-gen/steps/internal/step"
)

func main() {
	os.Exit(step.Main(contract.ProgramSnapshot, "Point-in-time copies and replica snapshots of volumes", snapshot.Verbs()...))
}
