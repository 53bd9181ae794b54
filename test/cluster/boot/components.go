package boot

import (
	"path/filepath"

	"github.com/backube/scribe-gen/test/cluster/build"
	"github.com/backube/scribe-gen/test/cluster/process"
)

// Names of the programs of a cluster, as Stop, Start, Restart, Logs and the
// names of log files have them. A cluster that is only a control plane runs the
// first five.
const (
	Etcd              = "etcd"
	APIServer         = "kube-apiserver"
	ControllerManager = "kube-controller-manager"
	TektonWebhook     = "tekton-webhook"
	TektonController  = "tekton-controller"

	Scheduler          = "kube-scheduler"
	Containerd         = "containerd"
	Kubelet            = "kubelet"
	Proxy              = "kube-proxy"
	DNS                = "dns"
	Driver             = "driver"                // csi.scribe.test
	Provisioner        = "csi-provisioner"       // of csi.scribe.test
	Snapshotter        = "csi-snapshotter"       // of csi.scribe.test
	PlainDriver        = "driver-plain"          // plain.scribe.test
	PlainProvisioner   = "csi-provisioner-plain" // of plain.scribe.test
	SnapshotController = "snapshot-controller"
	WorkflowController = "workflow-controller"
)

// Names of the CSI drivers: the second can neither clone nor snapshot.
const (
	DriverName      = "csi.scribe.test"
	PlainDriverName = "plain.scribe.test"
)

// component is one program of a cluster.
type component struct {
	name string
	// from is the build that has the program, empty for one of Debian's; binary is
	// its name there, when it is not the component's.
	from   build.Component
	binary string
	process.Command
	// health is the URL where it answers over HTTP or HTTPS when it is healthy, or
	// the unix:// or tcp:// URL of where it then listens; empty when it is deemed
	// healthy as long as it lives.
	health string
}

// controlPlane are the programs of every cluster, in the order of their start.
func (c *Cluster) controlPlane() []component {
	node := c.NodeAddress.String()
	return []component{
		{name: Etcd, from: build.Etcd, health: "http://" + node + ":2381/health", Command: process.Command{Abrupt: true, Args: []string{
			"--name=" + c.Name, "--data-dir=" + c.path("etcd"), "--unsafe-no-fsync", "--log-level=warn",
			"--listen-client-urls=http://127.0.0.1:2379,unix://" + c.etcdSocket(), "--advertise-client-urls=http://127.0.0.1:2379",
			"--listen-peer-urls=http://127.0.0.1:2380", "--initial-advertise-peer-urls=http://127.0.0.1:2380",
			"--initial-cluster=" + c.Name + "=http://127.0.0.1:2380", "--listen-metrics-urls=http://" + node + ":2381",
			"--max-request-bytes=16777216", // the larger CustomResourceDefinitions with their managed fields
		}}},
		{name: APIServer, from: build.Kubernetes, health: "https://" + node + ":6443/readyz", Command: process.Command{Abrupt: true, Args: []string{
			"--etcd-servers=http://127.0.0.1:2379", "--advertise-address=" + node, "--bind-address=0.0.0.0",
			"--service-cluster-ip-range=" + c.Services.String(), "--allow-privileged",
			"--authorization-mode=Node,RBAC", "--anonymous-auth=true",
			"--client-ca-file=" + c.pki("ca.crt"), "--tls-cert-file=" + c.pki("apiserver.crt"), "--tls-private-key-file=" + c.pki("apiserver.key"),
			"--service-account-issuer=https://kubernetes.default.svc." + clusterDomain,
			"--service-account-key-file=" + c.pki("tokens.crt"), "--service-account-signing-key-file=" + c.pki("tokens.key"),
			// Without these, logs and exec fail with a DNS lookup of the node's name.
			"--kubelet-preferred-address-types=InternalIP", "--kubelet-certificate-authority=" + c.pki("ca.crt"),
			"--kubelet-client-certificate=" + c.pki("admin.crt"), "--kubelet-client-key=" + c.pki("admin.key"),
			// To the addresses behind the Service of a webhook: a cluster that is only a
			// control plane has no kube-proxy that would make the Service's own one work.
			"--enable-aggregator-routing=true",
			"--audit-policy-file=" + c.conf("audit.yaml"), "--audit-log-path=" + c.AuditLog, "--audit-log-mode=blocking",
			"--audit-log-maxsize=1024",
		}}},
		{name: ControllerManager, from: build.Kubernetes, health: "https://" + node + ":10257/healthz", Command: process.Command{Args: []string{
			"--kubeconfig=" + c.Kubeconfig, "--bind-address=" + node, "--leader-elect=false",
			"--kube-api-qps=500", "--kube-api-burst=1000", // the default throttles its start by seconds
			"--root-ca-file=" + c.pki("ca.crt"), "--service-account-private-key-file=" + c.pki("tokens.key"),
			"--tls-cert-file=" + c.pki("node.crt"), "--tls-private-key-file=" + c.pki("node.key"),
		}}},
	}
}

// runtime is the container runtime, which starts before there is an API server.
func (c *Cluster) runtime() component {
	return component{name: Containerd, health: "unix://" + c.containerd(), Command: process.Command{Path: Containerd, Args: []string{
		"--config", c.conf("containerd.toml")}}}
}

// node are the programs of a node and of the cluster's add-ons that need nothing
// but the API server.
func (c *Cluster) node() []component {
	node := c.NodeAddress.String()
	return []component{
		{name: Kubelet, from: build.Kubernetes, health: "http://" + node + ":10248/healthz", Command: process.Command{Args: []string{
			"--config=" + c.conf("kubelet.yaml"), "--kubeconfig=" + c.Kubeconfig, "--root-dir=" + c.path("kubelet"),
			"--hostname-override=" + c.Name, "--node-ip=" + node}}},
		{name: Scheduler, from: build.Kubernetes, health: "https://" + node + ":10259/healthz", Command: process.Command{Args: []string{
			"--kubeconfig=" + c.Kubeconfig, "--bind-address=" + node, "--leader-elect=false", "--kube-api-qps=500", "--kube-api-burst=1000",
			"--tls-cert-file=" + c.pki("node.crt"), "--tls-private-key-file=" + c.pki("node.key")}}},
		{name: DNS, from: build.DNS, health: "http://" + node + ":8181/ready", Command: process.Command{Args: []string{"-conf", c.conf("Corefile")}}},
		c.driver(Driver, DriverName), c.driver(PlainDriver, PlainDriverName, "--plain"),
	}
}

// proxy starts once the node is registered: else it takes the node's address to
// be that of the loopback device.
func (c *Cluster) proxy() component {
	node := c.NodeAddress.String()
	return component{name: Proxy, from: build.Kubernetes, health: "http://" + node + ":10256/livez", Command: process.Command{Args: []string{
		"--kubeconfig=" + c.Kubeconfig, "--hostname-override=" + c.Name, "--proxy-mode=nftables", "--cluster-cidr=" + c.Pods.String(),
		"--healthz-bind-address=" + node + ":10256", "--metrics-bind-address=127.0.0.1:10249", "--oom-score-adj=0",
		// Zero leaves the kernel's own values, which the machine may not let it change.
		"--conntrack-max-per-core=0", "--conntrack-min=0", "--conntrack-tcp-timeout-established=0", "--conntrack-tcp-timeout-close-wait=0",
	}}}
}

// controllers need the CustomResourceDefinitions.
func (c *Cluster) controllers() []component {
	node := c.NodeAddress.String()
	return []component{
		{name: SnapshotController, from: build.Sidecars, Command: process.Command{Args: c.sidecar()}},
		{name: Snapshotter, from: build.Sidecars, Command: process.Command{Args: c.sidecar(
			"--csi-address="+c.socket(DriverName), "--leader-election=false", "--extra-create-metadata")}},
		c.provisioner(Provisioner, DriverName), c.provisioner(PlainProvisioner, PlainDriverName),
		{name: WorkflowController, from: build.Argo, health: "http://" + node + ":6060/healthz", Command: process.Command{
			Args: []string{"--kubeconfig=" + c.Kubeconfig, "--namespace=" + argoNamespace, "--qps=500", "--burst=1000",
				"--executor-image=" + executorImage, "--executor-image-pull-policy=Never"},
			Env: []string{"DEFAULT_REQUEUE_TIME=200ms", "CRON_SYNC_PERIOD=1s", "LEADER_ELECTION_DISABLE=true", "ARGO_EXECUTOR_PLUGINS=false"},
		}},
	}
}

func (c *Cluster) driver(name, driver string, more ...string) component {
	return component{name: name, from: build.Driver, binary: "driver", health: "unix://" + c.socket(driver), Command: process.Command{Args: append([]string{
		"--name=" + driver, "--socket=" + c.socket(driver), "--registration-dir=" + c.plugins(),
		"--root=" + filepath.Join(c.volumes(), driver), "--node=" + c.Name}, more...)}}
}

func (c *Cluster) provisioner(name, driver string) component {
	return component{name: name, from: build.Sidecars, binary: "csi-provisioner", Command: process.Command{Args: c.sidecar(
		"--csi-address="+c.socket(driver), "--leader-election=false", "--extra-create-metadata")}}
}

// sidecar are the arguments of every program of the CSI project. Their default
// rates are meant for clusters that live for years.
func (c *Cluster) sidecar(more ...string) []string {
	return append([]string{"--kubeconfig=" + c.Kubeconfig, "--kube-api-qps=100", "--kube-api-burst=200"}, more...)
}

// components are all programs of the cluster.
func (c *Cluster) components() []component {
	all := append(c.controlPlane(), c.tekton()...)
	if !c.ControlPlane {
		all = append(append(append(all, c.runtime()), c.node()...), c.proxy())
		all = append(all, c.controllers()...)
	}
	return all
}
