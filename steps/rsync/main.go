// Command rsync is the steps that replicate with rsync over SSH: keys, listen,
// push and copy. It is not the rsync program, but runs it.
package main

import (
	"os"

	"github.com/backube/scribe-gen/steps/internal/program"
)

func main() { os.Exit(program.Rsync()) }
