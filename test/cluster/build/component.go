package build

import (
	"fmt"
	"slices"
)

// A Component is one nested module below Builder.Components, named like its
// directory.
type Component string

const (
	// Kubernetes is the control plane, the kubelet, kube-proxy and kubectl.
	// Its kubelet lists containers every 200 ms instead of every second.
	Kubernetes Component = "kubernetes"
	// Etcd is the server that holds the API server's objects.
	Etcd Component = "etcd"
	// Argo is the Argo Workflows controller, executor and command line.
	Argo Component = "argo"
	// Tekton is the Tekton Pipelines controller, its admission webhook, and
	// the programs that it puts into pods. All of their names begin with
	// tekton-.
	Tekton Component = "tekton"
	// Sidecars is what Kubernetes leaves to each installation of CSI: the
	// provisioner, the snapshotter and the snapshot controller.
	Sidecars Component = "sidecars"
	// DNS is CoreDNS with the plugins that a cluster needs.
	DNS Component = "dns"
	// Driver is the CSI driver for tests.
	Driver Component = "driver"
)

// All returns the components in the order in which a cluster needs them.
func All() []Component {
	return []Component{Etcd, Kubernetes, Sidecars, Driver, DNS, Argo, Tekton}
}

// Binaries returns the names of the programs in the directory that Ensure
// returns for c, or nothing when c is not one of the constants.
func (c Component) Binaries() []string {
	r, err := recipeOf(c)
	if err != nil {
		return nil
	}
	return slices.Clone(r.binaries)
}

// A recipe says how a component is built. All of it enters the cache key.
type recipe struct {
	packages []string // patterns for go build, in the nested module
	binaries []string // programs that have to exist afterwards
	// multicall is the binary that go build writes and that every program of
	// binaries is a symbolic link to; empty when each has a binary of its own.
	multicall string
	// prefix is put before the name of each binary that go build writes, where
	// that says too little among those of other components, such as
	// "controller". The names in binaries have it.
	prefix string
	// stamps are assignments for the linker's -X in which %s stands for the
	// version of the module stampedBy, so that a version is written in
	// go.mod alone.
	stamps    []string
	stampedBy string
	patch     patch
}

func recipeOf(c Component) (recipe, error) {
	switch c {
	case Kubernetes:
		return kubernetesRecipe(), nil
	case Etcd, DNS, Driver:
		return recipe{packages: []string{"."}, binaries: []string{string(c)}}, nil
	case Argo:
		const module = "github.com/argoproj/argo-workflows/v3"
		return recipe{
			packages:  []string{"tool"},
			binaries:  []string{"workflow-controller", "argoexec", "argo"},
			stamps:    []string{module + ".version=%s"},
			stampedBy: module,
			// The module as published lacks the executor's signal
			// handling on Linux and the compiled user interface, which
			// the command line embeds.
			patch: patch{module: module, overlay: "overlay"},
		}, nil
	case Tekton:
		return recipe{
			packages: []string{"tool"},
			prefix:   "tekton-",
			binaries: []string{
				"tekton-controller", "tekton-webhook",
				"tekton-entrypoint", "tekton-nop", "tekton-workingdirinit",
			},
		}, nil
	case Sidecars:
		return recipe{
			packages: []string{"tool"},
			binaries: []string{"csi-provisioner", "csi-snapshotter", "snapshot-controller"},
		}, nil
	}
	return recipe{}, fmt.Errorf("unknown component %q: use one of %q", c, All())
}

func kubernetesRecipe() recipe {
	r := recipe{
		packages:  []string{"."},
		multicall: "kubernetes",
		binaries: []string{
			"kube-apiserver", "kube-controller-manager", "kube-scheduler",
			"kubelet", "kube-proxy", "kubectl",
		},
		stampedBy: "k8s.io/kubernetes",
		// Each change in a pod waits for the next relist, so at one second
		// most of a short pod's life is waiting for the kubelet.
		patch: patch{module: "k8s.io/kubernetes", edits: []edit{{
			File: "pkg/kubelet/kubelet.go",
			Old:  "genericPlegRelistPeriod    = time.Second * 1\n",
			New:  "genericPlegRelistPeriod    = time.Millisecond * 200\n",
		}}},
	}
	// Unstamped, the server reports a version that is not a semantic one, and
	// clients which check it refuse to work.
	for _, pkg := range []string{"k8s.io/component-base/version", "k8s.io/client-go/pkg/version"} {
		r.stamps = append(r.stamps,
			pkg+".gitVersion=%s", pkg+".gitCommit=", pkg+".gitTreeState=clean")
	}
	return r
}
