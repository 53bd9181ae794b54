// Command scribe-steps is all step programs in one binary, as the image has it:
// most of each is the Kubernetes client, which they share here. It is the program
// whose name it is started under, by a symbolic link.
package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/program"
	"github.com/backube/scribe-gen/steps/internal/rsyncstep"
)

func main() { os.Exit(run()) }

// run is the program that the process was started as. What a push or a listener
// starts this binary as comes first: it is started without a link on the way.
func run() int {
	if code, ok := rsyncstep.Child(os.Args[1:]); ok {
		return code
	}
	if start := programs()[filepath.Base(os.Args[0])]; start != nil {
		return start()
	}
	return usage(os.Args, os.Stdout, os.Stderr)
}

// programs are the step programs by their names.
func programs() map[string]func() int {
	return map[string]func() int{
		contract.ProgramSnapshot: program.Snapshot,
		contract.ProgramRsync:    program.Rsync,
		contract.ProgramPromote:  program.Promote,
		contract.ProgramTekton:   program.Tekton,
	}
}

const help = `All step programs in one binary: start it by a symbolic link with the name of one.

Usage:
  PROGRAM --help

Programs: %s
`

// usage lists the programs: as help when that is asked for, else as an error.
func usage(args []string, out, errs io.Writer) int {
	names := strings.Join(slices.Sorted(maps.Keys(programs())), ", ")
	if len(args) > 1 && slices.Contains([]string{"--help", "-h"}, args[1]) {
		_, _ = fmt.Fprintf(out, help, names)
		return contract.ExitDone
	}
	_, _ = fmt.Fprintf(errs, "scribe-steps: %q is no step program\nhint: start it by a symbolic link with the name of one: %s\n",
		filepath.Base(args[0]), names)
	return contract.ExitUsage
}
