package boot

import (
	"bytes"
	"encoding/json"
	"fmt"
	"text/template"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/yaml"

	"github.com/backube/scribe-gen/test/cluster/network"
)

// clusterDomain ends the names of Services.
const clusterDomain = "cluster.local"

// renderer makes the configuration files of a cluster's programs.
type renderer struct {
	layout
	name string
	slot network.Slot
}

// renderKubeconfig gives its user every right, from every network namespace that
// reaches the node.
func (r renderer) renderKubeconfig(authority, certificate, key []byte) ([]byte, error) {
	c := clientcmdapi.NewConfig()
	c.Clusters[r.name] = &clientcmdapi.Cluster{
		Server: "https://" + r.slot.Node().Addr().String() + ":6443", CertificateAuthorityData: authority,
	}
	c.AuthInfos[r.name] = &clientcmdapi.AuthInfo{ClientCertificateData: certificate, ClientKeyData: key}
	c.Contexts[r.name] = &clientcmdapi.Context{Cluster: r.name, AuthInfo: r.name}
	c.CurrentContext = r.name
	raw, err := clientcmd.Write(*c)
	if err != nil {
		return nil, fmt.Errorf("render kubeconfig: %w", err)
	}
	return raw, nil
}

// renderKubelet differs from the defaults where several kubelets on one machine
// would meet, where a machine may forbid what a kubelet does by default, and
// where the default is slow.
func (r renderer) renderKubelet() ([]byte, error) {
	return yaml.Marshal(map[string]any{
		"apiVersion":               "kubelet.config.k8s.io/v1beta1",
		"kind":                     "KubeletConfiguration",
		"address":                  "0.0.0.0",
		"healthzBindAddress":       r.slot.Node().Addr().String(),
		"authentication":           map[string]any{"anonymous": map[string]any{"enabled": false}, "webhook": map[string]any{"enabled": false}, "x509": map[string]any{"clientCAFile": r.pki("ca.crt")}},
		"authorization":            map[string]any{"mode": "AlwaysAllow"},
		"tlsCertFile":              r.pki("node.crt"),
		"tlsPrivateKeyFile":        r.pki("node.key"),
		"cgroupDriver":             "cgroupfs",
		"cgroupRoot":               "/" + r.controlGroup(),
		"enforceNodeAllocatable":   []string{},
		"failCgroupV1":             false,
		"failSwapOn":               false,
		"oomScoreAdj":              0, // lowering it needs a capability that root may lack
		"makeIPTablesUtilChains":   false,
		"containerRuntimeEndpoint": "unix://" + r.containerd(),
		"podLogsDir":               r.path("pods"),
		"volumePluginDir":          r.path("kubelet", "volume-plugins"),
		"clusterDNS":               []string{r.slot.Node().Addr().String()},
		"clusterDomain":            clusterDomain,
		"resolvConf":               r.conf("resolv.conf"),
		"maxPods":                  200,
		"serializeImagePulls":      false,
		"kubeAPIQPS":               500,
		"kubeAPIBurst":             1000,
		"eventRecordQPS":           0,
		"configMapAndSecretChangeDetectionStrategy": "Watch",
		// A test machine's disk is often fuller than a node's may be.
		"evictionHard":                map[string]string{"memory.available": "0%", "nodefs.available": "0%", "nodefs.inodesFree": "0%", "imagefs.available": "0%", "imagefs.inodesFree": "0%", "pid.available": "0%"},
		"imageGCHighThresholdPercent": 100,
	})
}

// renderAuditPolicy records what ServiceAccounts ask for, which is what their
// rights are compared with, and nothing else.
func (r renderer) renderAuditPolicy() ([]byte, error) {
	return yaml.Marshal(map[string]any{
		"apiVersion": "audit.k8s.io/v1", "kind": "Policy",
		"omitStages": []string{"RequestReceived"},
		"rules": []any{
			map[string]any{"level": "Metadata", "userGroups": []string{"system:serviceaccounts"}},
			map[string]any{"level": "None"},
		},
	})
}

// renderCNI gives each pod a link of its own and routes all of its traffic,
// also that to a Service of a pod of the same node, through the node's rules; a
// bridge would pass it by.
func (r renderer) renderCNI() ([]byte, error) {
	return json.MarshalIndent(map[string]any{
		"cniVersion": "0.4.0", "name": r.network(),
		"plugins": []any{
			map[string]any{"type": "ptp", "ipMasq": false, "ipam": map[string]any{
				"type": "host-local", "dataDir": r.path("cni", "data"),
				"routes": []any{map[string]any{"dst": "0.0.0.0/0"}},
				"ranges": []any{[]any{map[string]any{"subnet": r.slot.Pods().String()}}},
			}},
			map[string]any{"type": "portmap", "capabilities": map[string]bool{"portMappings": true}},
		},
	}, "", "  ")
}

// Configuration files that are no objects.
var (
	containerdConfig = template.Must(template.New("containerd").Parse(`version = 2
root = "{{.Path "containerd" "root"}}"
state = "{{.Path "containerd" "run"}}"

[grpc]
  address = "{{.Socket}}"

[plugins."io.containerd.internal.v1.opt"]
  path = "{{.Path "containerd" "opt"}}"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{{.Pause}}"
  stream_server_address = "127.0.0.1"
  # Lowering a process's score needs a capability that root may lack.
  restrict_oom_score_adj = true
  # Below the state directory, so that teardown finds them.
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        Root = "{{.Path "containerd" "runc"}}"
        SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{{.Plugins}}"
    conf_dir = "{{.Path "cni" "conf"}}"
`))
	// Answers are not cached: a test that makes a Service wants it at once.
	corefile = template.Must(template.New("Corefile").Parse(`.:53 {
  bind {{.Node}}
  errors
  ready {{.Node}}:8181
  kubernetes {{.Domain}} in-addr.arpa ip6.arpa {
    kubeconfig {{.Kubeconfig}}
    pods insecure
    ttl 1
  }
}
`))
)

// Path lets templates name files of the cluster.
func (l layout) Path(elements ...string) string { return l.path(elements...) }

func (r renderer) renderContainerd() ([]byte, error) {
	return execute(containerdConfig, struct {
		layout
		Socket, Pause, Plugins string
	}{r.layout, r.containerd(), pauseImage, cniPlugins})
}

func (r renderer) renderCorefile() ([]byte, error) {
	return execute(corefile, map[string]string{
		"Node": r.slot.Node().Addr().String(), "Domain": clusterDomain, "Kubeconfig": r.kubeconfig(),
	})
}

// renderResolver is what pods with dnsPolicy Default and the node itself use.
func (r renderer) renderResolver() ([]byte, error) {
	return fmt.Appendf(nil, "nameserver %s\n", r.slot.Node().Addr()), nil
}

func execute(t *template.Template, data any) ([]byte, error) {
	var b bytes.Buffer
	if err := t.Execute(&b, data); err != nil {
		return nil, fmt.Errorf("render %s: %w", t.Name(), err)
	}
	return b.Bytes(), nil
}

// writeConfigs writes every configuration file but the kubeconfig.
func (r renderer) writeConfigs() error {
	for path, render := range map[string]func() ([]byte, error){
		r.conf("audit.yaml"):                 r.renderAuditPolicy,
		r.conf("kubelet.yaml"):               r.renderKubelet,
		r.conf("containerd.toml"):            r.renderContainerd,
		r.conf("Corefile"):                   r.renderCorefile,
		r.conf("resolv.conf"):                r.renderResolver,
		r.tektonService():                    r.renderAdmissionService,
		r.path("cni", "conf", "10.conflist"): r.renderCNI,
	} {
		content, err := render()
		if err != nil {
			return err
		}
		if err := r.write(path, content); err != nil {
			return err
		}
	}
	return nil
}
