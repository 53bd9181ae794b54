// Command scribe-gen compiles a replication spec into the objects of a workflow
// engine, one bundle for each site, and runs and watches replications. Each verb
// is a file of its own; this package only reads what the user names, connects
// the packages that do the work, and prints.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
)

func main() {
	// The Kubernetes client logs what it also returns as errors.
	klog.SetLogger(logr.Discard())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], streams{in: os.Stdin, out: os.Stdout, err: os.Stderr})
	stop()
	os.Exit(code)
}
