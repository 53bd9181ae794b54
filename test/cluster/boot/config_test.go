package boot

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"github.com/backube/scribe-gen/test/cluster/network"
)

func testRenderer(t *testing.T, name string, slot network.Slot) renderer {
	t.Helper()
	r := renderer{layout: layout{filepath.Join(t.TempDir(), name)}, name: name, slot: slot}
	require.NoError(t, r.make())
	return r
}

func TestKubeconfigIsGoodForTheHost(t *testing.T) {
	r := testRenderer(t, "one", 0)
	require.NoError(t, r.writeCertificates())
	config, err := clientcmd.BuildConfigFromFlags("", r.kubeconfig())
	require.NoError(t, err)
	assert.Equal(t, "https://198.18.0.1:6443", config.Host)
	_, err = newClient(config)
	assert.NoError(t, err)
	info, err := os.Stat(r.kubeconfig())
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

// Of Tekton's settings, those that differ replace the defaults, and the others stay.
func TestTektonSettings(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.yaml")
	read := func(content string) string {
		require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
		got, err := readSettings(file)
		require.NoError(t, err)
		return string(got)
	}
	assert.YAMLEq(t, `{apiVersion: v1, kind: ConfigMap, metadata: {name: feature-flags}, data: {
		set-security-context: "true", running-in-environment-with-injected-sidecars: "false", coschedule: workspaces}}`,
		read("# comment\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: feature-flags}\n"+
			"data: {set-security-context: \"false\", coschedule: workspaces, _example: text}\n"))
	assert.YAMLEq(t, "{apiVersion: v1, kind: ConfigMap, metadata: {name: other}, data: {}}",
		read("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: other}\n"))
	const other = "kind: Secret\n---\nkind: Service\n"
	assert.Equal(t, other, read(other))
}

func TestAdmissionServiceLeadsToTheNode(t *testing.T) {
	raw, err := testRenderer(t, "one", 3).renderAdmissionService()
	require.NoError(t, err)
	_, slice, found := strings.Cut(string(raw), "---\n")
	require.True(t, found)
	var o struct {
		Endpoints []struct{ Addresses []string }
	}
	require.NoError(t, yaml.Unmarshal([]byte(slice), &o))
	assert.Equal(t, []string{network.Slot(3).Node().Addr().String()}, o.Endpoints[0].Addresses)
}

// What two kubelets on one machine would both use must differ.
func TestClustersShareNothing(t *testing.T) {
	settings := func(r renderer) map[string]any {
		raw, err := r.renderKubelet()
		require.NoError(t, err)
		var kubelet map[string]any
		require.NoError(t, yaml.Unmarshal(raw, &kubelet))
		raw, err = r.renderCNI()
		require.NoError(t, err)
		var cni struct {
			Name    string
			Plugins []struct {
				IPAM struct {
					DataDir string
					Ranges  [][]struct{ Subnet string }
				}
			}
		}
		require.NoError(t, json.Unmarshal(raw, &cni))
		shared := map[string]any{"network": cni.Name, "leases": cni.Plugins[0].IPAM.DataDir, "pods": cni.Plugins[0].IPAM.Ranges[0][0].Subnet}
		for _, key := range []string{"cgroupRoot", "podLogsDir", "volumePluginDir", "containerRuntimeEndpoint", "clusterDNS", "resolvConf"} {
			require.NotEmpty(t, kubelet[key], key)
			shared[key] = kubelet[key]
		}
		return shared
	}
	one, two := settings(testRenderer(t, "one", 0)), settings(testRenderer(t, "two", 1))
	for key := range one {
		assert.NotEqual(t, one[key], two[key], key)
	}
}

func TestConfigurationFiles(t *testing.T) {
	r := testRenderer(t, "one", 0)
	require.NoError(t, r.writeConfigs())
	for file, want := range map[string][]string{
		r.conf("containerd.toml"):            {`root = "` + r.path("containerd", "root") + `"`, `address = "` + r.containerd() + `"`, "restrict_oom_score_adj = true", pauseImage},
		r.conf("Corefile"):                   {"bind 198.18.0.1", "kubeconfig " + r.kubeconfig()},
		r.conf("resolv.conf"):                {"nameserver 198.18.0.1\n"},
		r.conf("audit.yaml"):                 {"system:serviceaccounts", "level: None"},
		r.path("cni", "conf", "10.conflist"): {"198.18.64.0/24"},
	} {
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, w := range want {
			assert.Contains(t, string(raw), w, file)
		}
	}
}

// A Unix socket's path may have 107 bytes; the kubelet and the drivers make the
// longest.
func TestSocketsFitTheirAddresses(t *testing.T) {
	l := layout{filepath.Join(Root, "abcdefghijklmnopqrst")}
	for _, path := range []string{l.containerd(), l.etcdSocket(), l.socket(PlainDriverName), filepath.Join(l.plugins(), PlainDriverName+"-reg.sock")} {
		assert.LessOrEqual(t, len(path), 107, path)
	}
}

func TestNames(t *testing.T) {
	for name, ok := range map[string]bool{"dev": true, "a": true, "abcdefghijklmnopqrst": true, "abcdefghijklmnopqrstu": false,
		"": false, "A": false, "-a": false, "a-": false, "../a": false, "1a": false} {
		assert.Equal(t, ok, validName.MatchString(name), "%q", name)
	}
	assert.True(t, network.Reserved("wan"))
	assert.ErrorContains(t, Down(t.Context(), "../etc"), "no cluster can have it")
	_, err := Up(t.Context(), Options{Name: "wan"})
	assert.ErrorContains(t, err, "not wan")
}

func TestDescriptionsAreDroppedFromSchemasOnly(t *testing.T) {
	schema := map[string]any{"description": "text", "properties": map[string]any{
		"description": map[string]any{"type": "string", "description": "of the property"}}}
	dropDescriptions(schema)
	assert.Equal(t, map[string]any{"properties": map[string]any{"description": map[string]any{"type": "string"}}}, schema)
}

func TestImportedNames(t *testing.T) {
	out := "unpacking localhost/a:1 (sha256:12)...done\nunpacking ghcr.io/b/c:dev (sha256:34)...done\n"
	assert.Equal(t, []string{"localhost/a:1", "ghcr.io/b/c:dev"}, imported(out))
	assert.Empty(t, imported(""))
}

func TestLockIsExclusive(t *testing.T) {
	if testing.Short() {
		t.Skip("writes below " + Root)
	}
	require.Zero(t, os.Geteuid(), "locks are root's")
	unlock, err := lock(t.Context(), "lock-test")
	require.NoError(t, err)
	got := make(chan struct{})
	go func() {
		second, err := lock(t.Context(), "lock-test")
		if assert.NoError(t, err) {
			second()
		}
		close(got)
	}()
	select {
	case <-got:
		t.Fatal("two hold the lock")
	case <-time.After(200 * time.Millisecond):
	}
	unlock()
	<-got
	assert.NoFileExists(t, filepath.Join(Root, ".lock-test.lock"))
}
