//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/generator/spec"
)

// paper is a README whose commands are run in a namespace of their own.
type paper struct {
	*world
	// namespace is that of kubectl's context.
	namespace string
	// folder is that of the README.
	folder string
	// env is what commands see besides the environment of the tests.
	env []string
}

// newPaper makes the namespace, for movers with these privileges. Its name is not one
// of those in which the rights of bundles are judged.
func newPaper(t *testing.T, privileges spec.Privileges, folder ...string) *paper {
	t.Helper()
	needs := plan.Image
	if shared.image != needs {
		needsOwnCluster(t, "image "+needs+", which the READMEs name")
	}
	namespace := "catalog-" + rand.String(5)
	w := &world{
		lab: shared, t: t, sides: map[string]*side{}, witnesses: map[string]*witness{},
		source: namespace, replica: namespace, dir: t.TempDir(), spec: &spec.Replication{},
		rel: demoRelationship,
	}
	w.spec.Spec.Mover.Privileges = privileges
	w.data = w.reach()
	w.namespace(namespace)
	p := &paper{world: w, namespace: namespace, folder: filepath.Join(append([]string{"../.."}, folder...)...)}
	p.env = append(os.Environ(), "KUBECONFIG="+p.context(), "PATH="+p.path(), "STORAGE_CLASS="+p.otherClass())
	return p
}

// context writes a kubeconfig of which the current context has the namespace.
func (p *paper) context() string {
	p.t.Helper()
	config, err := clientcmd.LoadFromFile(p.kubeconfig)
	require.NoError(p.t, err)
	config.Contexts[config.CurrentContext].Namespace = p.namespace
	file := filepath.Join(p.dir, "kubeconfig")
	require.NoError(p.t, clientcmd.WriteToFile(*config, file))
	return file
}

// path is a PATH on which kubectl is the cluster's.
func (p *paper) path() string {
	p.t.Helper()
	kubectl, err := filepath.Abs(p.kubectlFile)
	require.NoError(p.t, err)
	require.NoError(p.t, os.Symlink(kubectl, filepath.Join(p.dir, "kubectl")))
	return p.dir + string(os.PathListSeparator) + os.Getenv("PATH")
}

// otherClass is a StorageClass to migrate to, on the own cluster another one.
func (p *paper) otherClass() string {
	if p.own != nil {
		return "wffc"
	}
	return p.class
}

var shellBlock = regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")

// removal is the line after which a README removes what its example made.
const removal = "Remove what the example made"

// read returns the commands of the README, and those that remove everything again.
func (p *paper) read() (commands, remove string) {
	p.t.Helper()
	text, err := os.ReadFile(filepath.Join(p.folder, "README.md"))
	require.NoError(p.t, err)
	blocks := func(part string) string {
		var script strings.Builder
		for _, m := range shellBlock.FindAllStringSubmatch(part, -1) {
			script.WriteString(m[1])
		}
		return script.String()
	}
	example, rest, _ := strings.Cut(string(text), removal)
	commands = blocks(example)
	require.NotEmpty(p.t, commands, "%s has no commands", p.folder)
	return commands, blocks(rest)
}

// shell is a shell in the README's folder that goes on from command to command, as a
// person's terminal does.
type shell struct {
	*paper
	state string
}

func (p *paper) shell() *shell { return &shell{p, filepath.Join(p.dir, "variables")} }

// run runs commands, which must succeed, and returns what they printed.
func (s *shell) run(script string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeoutCause(s.t.Context(), runLimit, fmt.Errorf("commands of %s did not end within %s", s.folder, runLimit))
	defer cancel()
	// Variables live from one call to the next.
	whole := fmt.Sprintf("set -eu\n[ ! -e %[1]s ] || . %[1]s\n%[2]s\ndeclare -p run keys listener push pull failing > %[1]s 2>/dev/null || true\n", s.state, script)
	cmd := exec.CommandContext(ctx, "bash", "-c", whole)
	cmd.Dir, cmd.Env, cmd.WaitDelay = s.folder, s.env, 10*time.Second
	out, err := cmd.CombinedOutput()
	require.NoError(s.t, err, "commands of %s: %v\n%s\n%s", s.folder, context.Cause(ctx), script, out)
	return string(out)
}
