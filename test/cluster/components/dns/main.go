// Command dns is CoreDNS with the few plugins that a test cluster's Corefile
// uses. The stock program also links the client libraries of three cloud
// providers and of several tracing back ends, which take minutes to build.
//
//	dns -conf Corefile
//
// Flags and Corefile are those of CoreDNS; the plugins are bind, ready,
// health, errors, log, cache, kubernetes and forward.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"

	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/forward"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/log"
	_ "github.com/coredns/coredns/plugin/ready"
)

func main() {
	// The order is that in which a query passes the plugins, whatever their
	// order in the Corefile: forward last, so that it sees only what the
	// cluster does not answer.
	dnsserver.Directives = []string{
		"bind", "ready", "health", "errors", "log", "cache", "kubernetes", "forward",
	}
	coremain.Run()
}
