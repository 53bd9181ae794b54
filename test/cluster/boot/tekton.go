package boot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"text/template"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/backube/scribe-gen/test/cluster/build"
	"github.com/backube/scribe-gen/test/cluster/process"
)

const (
	tektonModule = "github.com/tektoncd/pipeline"
	// tektonNamespace holds Tekton's ConfigMaps and the certificate of its webhook.
	tektonNamespace = "tekton-pipelines"
	// webhookService is the name by which the API server calls the webhook, as
	// Tekton's webhook configurations and CustomResourceDefinitions have it.
	webhookService = "tekton-pipelines-webhook"
	webhookPort    = 8443
)

// Files of the module that make up Tekton's settings, in the order in which they
// are applied. The permissions of its programs are not among them: here, they run
// with every right.
var settingsFiles = []string{"config/100-namespace/*.yaml", "config/config-*.yaml", "config/500-webhooks.yaml"}

// settings are the values of Tekton's ConfigMaps that differ from the defaults.
var settings = map[string]map[string]string{
	// Of the two programs that share the node's addresses, one would find the port
	// for metrics in use.
	"config-observability": {"metrics-protocol": "none"},
	"feature-flags": {
		// No sidecars are injected here. By default the first step of every pod
		// waits for the kubelet to tell it so, which is half of a short pod's life.
		"running-in-environment-with-injected-sidecars": "false",
		// Without it, no namespace that enforces "restricted" takes a pod of Tekton.
		"set-security-context": "true",
	},
}

// collectSettings writes Tekton's namespace, ConfigMaps and webhook configurations
// into the cluster's directory.
func collectSettings(ctx context.Context, b *build.Builder, l layout) error {
	dir, err := b.Module(ctx, build.Tekton, tektonModule)
	if err != nil {
		return err
	}
	var stream bytes.Buffer
	for _, pattern := range settingsFiles {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil || len(files) == 0 {
			return errors.Join(fmt.Errorf("settings of Tekton: no files %s in %s", pattern, dir), err)
		}
		for _, f := range files {
			content, err := readSettings(f)
			if err != nil {
				return fmt.Errorf("settings of Tekton: %s: %w", f, err)
			}
			fmt.Fprintf(&stream, "---\n%s\n", content)
		}
	}
	return l.write(l.tektonSettings(), stream.Bytes())
}

// readSettings returns the objects of a file as YAML, with the values that differ.
func readSettings(file string) ([]byte, error) {
	raw, err := os.ReadFile(file)
	if err != nil || !bytes.Contains(raw, []byte("kind: ConfigMap")) {
		return raw, err
	}
	var o unstructured.Unstructured
	if err := yaml.Unmarshal(raw, &o.Object); err != nil {
		return nil, err
	}
	data, _, err := unstructured.NestedStringMap(o.Object, "data")
	if err != nil {
		return nil, err
	}
	changed := maps.Clone(data)
	if changed == nil {
		changed = map[string]string{}
	}
	delete(changed, "_example") // is documentation
	maps.Copy(changed, settings[o.GetName()])
	if err := unstructured.SetNestedStringMap(o.Object, changed, "data"); err != nil {
		return nil, err
	}
	return yaml.Marshal(o.Object)
}

// admissionService leads the API server to the webhook, which runs as a program of
// the node and thus has no pod that a Service could select.
var admissionService = template.Must(template.New("tekton-service").Parse(`apiVersion: v1
kind: Service
metadata: {name: {{.Service}}, namespace: {{.Namespace}}}
spec:
  ports: [{name: https-webhook, port: 443, targetPort: {{.Port}}}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: {{.Service}}
  namespace: {{.Namespace}}
  labels: {kubernetes.io/service-name: {{.Service}}, endpointslice.kubernetes.io/managed-by: scribe-cluster}
addressType: IPv4
ports: [{name: https-webhook, port: {{.Port}}, protocol: TCP}]
endpoints: [{addresses: ["{{.Node}}"], conditions: {ready: true}}]
`))

func (r renderer) renderAdmissionService() ([]byte, error) {
	return execute(admissionService, map[string]string{
		"Service": webhookService, "Namespace": tektonNamespace,
		"Port": strconv.Itoa(webhookPort), "Node": r.slot.Node().Addr().String(),
	})
}

// applyTekton applies Tekton's settings and the Service of its webhook.
func (c *Cluster) applyTekton(ctx context.Context) error {
	for _, file := range []string{c.tektonSettings(), c.tektonService()} {
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := c.apply(ctx, content); err != nil {
			return err
		}
	}
	return nil
}

// tekton are Tekton's programs. They need the CustomResourceDefinitions and no node.
func (c *Cluster) tekton() []component {
	return []component{c.tektonWebhook(), c.tektonController()}
}

// tektonWebhook defaults, validates and converts Tekton's objects for the API
// server.
func (c *Cluster) tektonWebhook() component {
	node := c.NodeAddress.String()
	return component{name: TektonWebhook, from: build.Tekton, health: fmt.Sprintf("tcp://%s:%d", node, webhookPort), Command: process.Command{
		Abrupt: true, // asked to end, it drains for longer than anyone waits
		Args:   c.tektonFlags(),
		Env: tektonEnvironment("webhook", 8192,
			"WEBHOOK_SERVICE_NAME="+webhookService, "WEBHOOK_SECRET_NAME=webhook-certs", "WEBHOOK_PORT="+strconv.Itoa(webhookPort),
			"WEBHOOK_ADMISSION_CONTROLLER_NAME=webhook.pipeline.tekton.dev"),
	}}
}

// tektonController runs TaskRuns and PipelineRuns.
func (c *Cluster) tektonController() component {
	args := c.tektonFlags()
	// It insists on each; none but three are used as long as Tasks have no scripts
	// and results travel in termination messages.
	for _, image := range []string{"entrypoint", "nop", "workingdirinit", "sidecarlogresults", "shell", "shell-win"} {
		flag := "-" + image + "-image"
		if image == "shell-win" {
			flag = "-shell-image-win"
		}
		args = append(args, flag+"="+tektonImage)
	}
	return component{name: TektonController, from: build.Tekton, health: "http://" + c.NodeAddress.String() + ":8191/readiness",
		Command: process.Command{Args: args, Env: tektonEnvironment("controller", 8191)}}
}

// tektonFlags are those of both programs. There is one of each in a cluster, so
// none has to wait until the lease of a killed one has run out.
func (c *Cluster) tektonFlags() []string {
	return []string{"-kubeconfig=" + c.Kubeconfig, "-disable-ha", "-kube-api-qps=200", "-kube-api-burst=400"}
}

// tektonEnvironment names the ConfigMaps, as Tekton's deployments do, and the ports
// on which the programs would meet.
func tektonEnvironment(program string, probes int, more ...string) []string {
	names := map[string]string{
		"DEFAULTS": "config-defaults", "LOGGING": "config-logging", "OBSERVABILITY": "config-observability",
		"FEATURE_FLAGS": "feature-flags", "LEADERELECTION": "config-leader-election-" + program, "SPIRE": "config-spire",
		"EVENTS": "config-events", "TRACING": "config-tracing", "WAIT_EXPONENTIAL_BACKOFF": "config-wait-exponential-backoff",
	}
	env := []string{
		"SYSTEM_NAMESPACE=" + tektonNamespace, "METRICS_DOMAIN=tekton.dev/pipeline",
		"PROBES_PORT=" + strconv.Itoa(probes), "PROFILING_PORT=" + strconv.Itoa(probes+100),
	}
	for _, key := range slices.Sorted(maps.Keys(names)) {
		env = append(env, "CONFIG_"+key+"_NAME="+names[key])
	}
	return append(env, more...)
}
