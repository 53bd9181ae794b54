// Package program is the step programs, each a function, so that it can be a
// binary of its own or a part of one that holds all.
package program

import (
	"os"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/earlier"
	"github.com/backube/scribe-gen/steps/internal/promote"
	"github.com/backube/scribe-gen/steps/internal/rsyncstep"
	"github.com/backube/scribe-gen/steps/internal/snapshot"
	"github.com/backube/scribe-gen/steps/internal/step"
	"github.com/backube/scribe-gen/steps/internal/tekton"
)

// Snapshot makes and removes the point-in-time copies of a replication's source,
// and removes replica snapshots by age. Like the others it runs with the process's
// arguments and returns the exit code.
func Snapshot() int {
	return start(contract.ProgramSnapshot, "Point-in-time copies and replica snapshots of volumes", snapshot.Verbs()...)
}

// Rsync replicates a volume with rsync over SSH.
func Rsync() int {
	if code, ok := rsyncstep.Child(os.Args[1:]); ok {
		return code
	}
	return start(contract.ProgramRsync, "Replicate a volume with rsync over SSH", rsyncstep.Verbs()...)
}

// Promote makes an application's claim from a replica snapshot and ends
// replication to the replica.
func Promote() int {
	return start(contract.ProgramPromote, "Fail over to a replica", promote.Verb())
}

// Tekton starts PipelineRuns on a schedule and lets one at a time work.
func Tekton() int {
	return start(contract.ProgramTekton, "Schedules and turns of Tekton's PipelineRuns", tekton.Verbs()...)
}

func start(name, short string, verbs ...step.Verb) int {
	return step.Program{Name: name, Short: short, Verbs: verbs, Earlier: earlier.Pods}.Main()
}
