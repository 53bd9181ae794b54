// Command cluster makes Kubernetes clusters for tests on this machine, from
// programs that it builds itself: no registry, no virtual machine and no daemon
// is needed, only root on Linux with Debian's packages.
//
//	cluster up [--name NAME] [--control-plane]
//	cluster down [--name NAME | --all]
//	cluster status [-o table|json]
//	cluster build
//	cluster kubectl [--name NAME] -- ARGS...
//	cluster load-image --name NAME FILE.tar
//
// A cluster is etcd, the Kubernetes control plane, a node with containerd, a
// CSI driver with snapshots and clones, CoreDNS, and the Argo workflow
// controller, all as processes of this host in a network namespace of their own.
// Several run side by side and reach each other as if over a wide area network.
// README.md tells more; package boot is the same for Go programs.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	if err := newCommand().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}
