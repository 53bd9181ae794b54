package apiserver

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	tektonv1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/backube/scribe-gen/test/cluster/boot"
	"github.com/backube/scribe-gen/test/internal/kube"
)

// startLimit is how long doing a start once may take.
const startLimit = time.Minute

// start is a run elsewhere that a run of a bundle starts.
type start struct {
	// account is the one that starts it, in the bundle's namespace.
	account string
	// run is what it makes.
	run *unstructured.Unstructured
	// command starts it with a kubeconfig, as the engine does.
	command []string
}

// argoStarts are those of resource templates: Argo's executor runs kubectl.
func argoStarts(t *testing.T, b bundle) []start {
	t.Helper()
	var list []start
	for _, o := range b.typed {
		w, ok := o.(*wfv1.WorkflowTemplate)
		if !ok {
			continue
		}
		for i := range w.Spec.Templates {
			if w.Spec.Templates[i].Resource == nil {
				continue
			}
			template := substitute(t, w, &w.Spec.Templates[i])
			objects, err := kube.Decode(strings.NewReader(template.Resource.Manifest))
			require.NoError(t, err)
			require.Len(t, objects, 1)
			list = append(list, start{
				account: template.ServiceAccountName, run: objects[0],
				command: slices.Concat([]string{"kubectl", template.Resource.Action}, template.Resource.Flags,
					[]string{"-f", write(t, template.Resource.Manifest), "-o", "json"}),
			})
		}
	}
	return list
}

// tektonStarts are those of Tasks that run the step "tekton start".
func tektonStarts(t *testing.T, b bundle) []start {
	t.Helper()
	texts := map[string]string{}
	for _, o := range b.typed {
		if m, ok := o.(*corev1.ConfigMap); ok {
			texts[m.Name] = m.Data["start.yaml"]
		}
	}
	var list []start
	for _, run := range skeletons(t, b) {
		for _, spec := range run.Spec.TaskRunSpecs {
			for _, o := range b.typed {
				task, ok := o.(*tektonv1.Task)
				if !ok || task.Labels["scribe.backube/step"] != spec.PipelineTaskName || task.Spec.Steps[0].Command[0] != "/scribe/tekton" || len(task.Spec.Steps) > 1 {
					continue
				}
				list = append(list, tektonStart(t, spec.ServiceAccountName, task, texts))
			}
		}
	}
	return list
}

func tektonStart(t *testing.T, account string, task *tektonv1.Task, texts map[string]string) start {
	t.Helper()
	text := texts[task.Spec.Volumes[1].ConfigMap.Name]
	objects, err := kube.Decode(strings.NewReader(text))
	require.NoError(t, err)
	require.Len(t, objects, 1)
	objects[0].SetName(objects[0].GetGenerateName() + runHash)
	objects[0].SetGenerateName("")
	s := start{account: account, run: objects[0], command: []string{"tekton"}}
	for _, arg := range task.Spec.Steps[0].Args {
		switch {
		case strings.HasPrefix(arg, "--skeleton="):
			arg = "--skeleton=" + write(t, text)
		case strings.HasPrefix(arg, "--termination-file="):
			arg = "--termination-file=" + filepath.Join(t.TempDir(), "outcome")
		}
		s.command = append(s.command, strings.ReplaceAll(arg, "$(params.run-id)", run))
	}
	return s
}

func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file.yaml")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

// do starts the run once, as the account.
func (s start) do(t *testing.T, namespace string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, program(t, s.command[0]), s.command[1:]...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+impersonating(t, namespace, s.account))
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// program is the path of kubectl, or of a step's binary, which is built.
func program(t *testing.T, binary string) string {
	t.Helper()
	if binary == "kubectl" {
		cluster, err := boot.Open(name)
		require.NoError(t, err)
		return cluster.Binary(binary)
	}
	file := filepath.Join(t.TempDir(), binary)
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", file, "../../steps/"+binary).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return file
}

// impersonating is a kubeconfig with the identity of a ServiceAccount.
func impersonating(t *testing.T, namespace, account string) string {
	t.Helper()
	cluster, err := boot.Open(name)
	require.NoError(t, err)
	config, err := clientcmd.LoadFromFile(cluster.Kubeconfig)
	require.NoError(t, err)
	user := kube.AccountUser(namespace, account)
	for _, a := range config.AuthInfos {
		a.Impersonate, a.ImpersonateGroups = user.Name, user.Groups
	}
	for _, c := range config.Contexts {
		c.Namespace = namespace // as in a pod
	}
	file := filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, clientcmd.WriteToFile(*config, file))
	return file
}

// A start makes its run where that belongs, with the rights that the bundles give, and
// once: tried again it makes none. Where the edge's bundle is missing, it fails.
func TestStartsMakeOneRun(t *testing.T) {
	perEngine(t, func(t *testing.T, c *kube.Cluster, e engine) {
		bundles := named(t, e, "fan").compile(t, c, nil)
		hub := bundles[slices.IndexFunc(bundles, func(b bundle) bool { return b.Name == "hub" })]
		starts := e.starts(t, hub)
		require.Len(t, starts, 2)
		c.Install(t, hub.objects)
		out, err := starts[0].do(t, hub.Namespace)
		assert.Error(t, err)
		assert.Contains(t, out, "forbidden")
		for _, b := range bundles {
			if b.Name == "hub" {
				continue
			}
			c.Install(t, b.objects)
			for _, a := range accounts(b) {
				a.await(t, c, b.Namespace)
			}
		}
		for _, s := range starts {
			for range 2 {
				out, err := s.do(t, hub.Namespace)
				require.NoError(t, err, out)
			}
			live, err := c.Get(t.Context(), s.run)
			require.NoError(t, err)
			assert.NotEqual(t, hub.Namespace, live.GetNamespace())
			assert.Subset(t, live.GetLabels(), s.run.GetLabels())
			assert.Equal(t, s.run.GetName(), live.GetName())
			resource, err := c.Resource(s.run)
			require.NoError(t, err)
			all, err := resource.List(t.Context(), metav1.ListOptions{})
			require.NoError(t, err)
			assert.Len(t, all.Items, 1)
		}
	})
}
