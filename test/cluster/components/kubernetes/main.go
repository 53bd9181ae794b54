// Command kubernetes is every Kubernetes program of a test cluster in one
// binary: kube-apiserver, kube-controller-manager, kube-scheduler, kubelet,
// kube-proxy and kubectl. They share most of their code, so one link instead
// of six saves minutes of building and hundreds of megabytes of cache.
//
// The program is chosen by the name under which the binary is called, as by a
// symbolic link named kubelet, or else by its first argument:
//
//	kubelet --config kubelet.yaml
//	kubernetes kubelet --config kubelet.yaml
//
// Flags, exit codes and output are those of the chosen program.
package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	_ "time/tzdata" // time zones of CronJobs, on machines without zoneinfo

	"github.com/spf13/cobra"
	_ "k8s.io/client-go/plugin/pkg/client/auth"
	"k8s.io/component-base/cli"
	"k8s.io/component-base/logs"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	kubectl "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

// programs maps each program's name to what runs it and returns its exit
// code. The commands are built only when chosen, because building one
// registers flags and feature gates that another would trip over.
func programs() map[string]func() int {
	server := func(command func() *cobra.Command) func() int {
		return func() int { return cli.Run(command()) }
	}
	return map[string]func() int{
		"kube-apiserver":          server(func() *cobra.Command { return apiserver.NewAPIServerCommand() }),
		"kube-controller-manager": server(controllermanager.NewControllerManagerCommand),
		"kube-proxy":              server(proxy.NewProxyCommand),
		"kube-scheduler":          server(func() *cobra.Command { return scheduler.NewSchedulerCommand() }),
		"kubelet":                 server(func() *cobra.Command { return kubelet.NewKubeletCommand(context.Background()) }),
		"kubectl":                 runKubectl,
	}
}

// runKubectl runs kubectl, which reports errors in its own way: CheckErr
// prints them and exits with the code that belongs to the error.
func runKubectl() int {
	// Before the command exists, since building it already logs and reads
	// the preferences file. A malformed level is reported by the flag parser.
	_, _ = logs.GlogSetter(kubectl.GetLogVerbosity(os.Args))
	if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
		kubectlutil.CheckErr(err)
		return 1
	}
	return 0
}

func main() {
	known := programs()
	if run, ok := known[filepath.Base(os.Args[0])]; ok {
		os.Exit(run())
	}
	if len(os.Args) > 1 {
		if run, ok := known[os.Args[1]]; ok {
			// The programs read os.Args themselves, so they have to
			// find their own name first there.
			os.Args = os.Args[1:]
			os.Exit(run())
		}
	}
	names := slices.Sorted(maps.Keys(known))
	fmt.Fprintf(os.Stderr, "usage: kubernetes <program> [flags]\nprograms: %s\n", strings.Join(names, ", "))
	os.Exit(2)
}
