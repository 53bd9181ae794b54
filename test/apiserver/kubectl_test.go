package apiserver

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/backube/scribe-gen/test/cluster/boot"
	"github.com/backube/scribe-gen/test/internal/kube"
)

// What "kubectl apply" makes of a bundle, "kubectl diff" finds nothing wrong with,
// whichever of the two ways of applying is used.
func TestKubectlFindsNoDifference(t *testing.T) {
	perEngine(t, func(t *testing.T, c *kube.Cluster, e engine) {
		cluster, err := boot.Open(name)
		require.NoError(t, err)
		kubectl := func(args ...string) {
			t.Helper()
			cmd := exec.CommandContext(t.Context(), cluster.Binary("kubectl"), args...)
			cmd.Env = append(os.Environ(), "KUBECONFIG="+cluster.Kubeconfig)
			out, err := cmd.CombinedOutput()
			assert.NoError(t, err, "kubectl %v: %s", args, out)
		}
		for _, way := range []string{"--server-side=false", "--server-side=true"} {
			for _, b := range named(t, e, "wikidata").compile(t, c, nil) {
				file := write(t, b)
				kubectl("apply", "--validate=strict", way, "-f", file)
				kubectl("diff", way, "-f", file)
			}
		}
	})
}

// write puts the bundle's objects into a file.
func write(t *testing.T, b bundle) string {
	t.Helper()
	var stream []byte
	for _, o := range b.objects {
		text, err := yaml.Marshal(o.Object)
		require.NoError(t, err)
		stream = append(append(stream, "---\n"...), text...)
	}
	file := filepath.Join(t.TempDir(), "bundle.yaml")
	require.NoError(t, os.WriteFile(file, stream, 0o600))
	return file
}
