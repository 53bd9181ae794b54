package boot

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/backube/scribe-gen/test/cluster/build"
	"github.com/backube/scribe-gen/test/cluster/process"
)

// layout is where a cluster keeps its files.
type layout struct{ dir string }

func (l layout) path(elements ...string) string {
	return filepath.Join(append([]string{l.dir}, elements...)...)
}

func (l layout) kubeconfig() string        { return l.path("kubeconfig") }
func (l layout) auditLog() string          { return l.path("audit", "audit.log") }
func (l layout) binary(name string) string { return l.path("bin", name) }
func (l layout) pki(name string) string    { return l.path("pki", name) }
func (l layout) conf(name string) string   { return l.path("conf", name) }

// containerd is the socket of the container runtime.
func (l layout) containerd() string { return l.path("containerd", "containerd.sock") }

// etcdSocket is where etcd listens for who is outside of the cluster's network.
func (l layout) etcdSocket() string { return l.path("etcd.sock") }

// definitions is the file of the custom resources of a component.
func (l layout) definitions(c build.Component) string { return l.conf("crd-" + string(c) + ".json") }

// tektonSettings and tektonService are the files of what Tekton's programs need.
func (l layout) tektonSettings() string { return l.conf("tekton.yaml") }
func (l layout) tektonService() string  { return l.conf("tekton-service.yaml") }

// plugins is where the kubelet looks for sockets of CSI drivers' registrations.
func (l layout) plugins() string { return l.path("kubelet", "plugins_registry") }

// socket is where a CSI driver listens.
func (l layout) socket(driver string) string { return l.path("csi", driver+".sock") }

// image is the file that holds the file system of the volumes, and volumes where
// it is mounted.
func (l layout) image() string   { return l.path("volumes.img") }
func (l layout) volumes() string { return l.path("volumes") }

// network is the name of the pods' network, by which the CNI plugins file what
// they remember of each pod.
func (l layout) network() string { return "scribe-" + filepath.Base(l.dir) }

// controlGroup is the name of the cluster's control group.
func (l layout) controlGroup() string { return "scribe-" + filepath.Base(l.dir) }

// make makes the directories that something else expects to exist.
func (l layout) make() error {
	for _, d := range []string{"audit", "bin", "cni/conf", "cni/data", "conf", "containerd", "csi", "etcd",
		"images", "kubelet/plugins_registry", "logs", "pki", "pods", "records", "volumes"} {
		if err := os.MkdirAll(l.path(d), 0o755); err != nil {
			return fmt.Errorf("make directory of the cluster: %w", err)
		}
	}
	return os.Chmod(l.path("etcd"), 0o700) // etcd insists
}

// write writes a file that root alone may read.
func (l layout) write(path string, content []byte) error {
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	return nil
}

// programs is the set of the cluster's programs.
func (l layout) programs(namespace, controlGroup string) process.Set {
	return process.Set{Records: l.path("records"), Logs: l.path("logs"), Namespace: namespace, ControlGroup: controlGroup}
}
