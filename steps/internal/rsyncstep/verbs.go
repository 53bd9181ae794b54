// Package rsyncstep is the steps that replicate with rsync over SSH: keys, listen,
// push and copy. They are not the rsync program, but run it.
package rsyncstep

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/confine"
	"github.com/backube/scribe-gen/steps/internal/push"
	"github.com/backube/scribe-gen/steps/internal/site"
	"github.com/backube/scribe-gen/steps/internal/step"
)

// Verbs are the sub-commands of the binary rsync.
func Verbs() []step.Verb {
	return []step.Verb{keysVerb(), Listen(site.Open), pushVerb(), copyVerb()}
}

// Child runs what a push or a listener starts its own binary as: rsync's remote
// shell, or the confined receiver, which the first argument tells. It returns the
// exit code, and false for the arguments of anything else.
//
// They know the binary by its path without symbolic links, so every binary that
// holds these steps calls Child first, whatever name it was started under.
func Child(args []string) (code int, ok bool) {
	if len(args) < 2 {
		return 0, false
	}
	switch args[0] {
	case push.RemoteShellVerb:
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
		defer stop()
		return push.RemoteShell(ctx, args[1:], os.Stdin, os.Stdout, os.Stderr), true
	case confine.Verb:
		_, _ = fmt.Fprintln(os.Stderr, "scribe:", confine.Main(args[1:]))
		return contract.ExitFailed, true
	}
	return 0, false
}
