// Command rsync is the steps that replicate with rsync over SSH: keys, listen,
// push and copy. It is not the rsync program, but runs it.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/confine"
	"github.com/backube/scribe-gen/steps/internal/push"
	"github.com/backube/scribe-gen/steps/internal/step"
)

func main() { os.Exit(run()) }

// run is the program; the two hidden verbs are what push and listen start.
func run() int {
	if len(os.Args) > 2 {
		switch os.Args[1] {
		case push.RemoteShellVerb:
			ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			return push.RemoteShell(ctx, os.Args[2:], os.Stdin, os.Stdout, os.Stderr)
		case confine.Verb:
			_, _ = fmt.Fprintln(os.Stderr, "scribe:", confine.Main(os.Args[2:]))
			return contract.ExitFailed
		}
	}
	return step.Main("rsync", "Replicate a volume with rsync over SSH",
		keysVerb(), listenVerb(), pushVerb(), copyVerb())
}
