// Command snapshot makes and removes the point-in-time copies of a replication's
// source, and removes replica snapshots by age.
package main

import (
	"os"

	"github.com/backube/scribe-gen/steps/internal/program"
)

func main() { os.Exit(program.Snapshot()) }
