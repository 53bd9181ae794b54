package apiserver

import (
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"strings"
	"testing"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	"github.com/argoproj/argo-workflows/v3/workflow/common"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/strategicpatch"

	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/test/internal/kube"
)

// executorImage is any: images are not pulled here.
const executorImage = "quay.io/argoproj/argoexec:v3.7.12"

// run is the UID of a run, which is the run ID.
const run = "0f0e9f84-7d0c-4b6a-9b0e-1d2c3b4a5f60"

// runHash is the beginning of its SHA-256.
const runHash = "021c9d0c7e"

// argoPods are assembled here: the server runs no controller of Argo's.
func argoPods(t *testing.T, _ *kube.Cluster, b bundle, settings podSettings) map[string]*corev1.Pod {
	t.Helper()
	made := map[string]*corev1.Pod{}
	for _, o := range b.typed {
		w, ok := o.(*wfv1.WorkflowTemplate)
		if !ok {
			continue
		}
		for i := range w.Spec.Templates {
			name := w.Name + "/" + w.Spec.Templates[i].Name
			switch template := &w.Spec.Templates[i]; {
			case template.Container != nil:
				made[name] = pod(t, w, substitute(t, w, template), settings)
			case template.Resource != nil:
				made[name] = startPod(t, w, substitute(t, w, template), settings)
			}
		}
	}
	require.NotEmpty(t, made)
	return made
}

// argoRights are those of Argo's executor, which runs in every pod, or of whoever
// starts runs from elsewhere.
func argoRights(_ plan.Relationship, a plan.Account) []kube.Right {
	if a.Namespace != "" {
		return kube.Expand([]string{"create", "patch"}, []string{"argoproj.io"}, []string{"workflows"}, nil)
	}
	return kube.Expand([]string{"create", "patch"}, []string{"argoproj.io"}, []string{"workflowtaskresults"}, nil)
}

// argoScheduled are the runs that Argo makes from CronWorkflows at the end of days.
func argoScheduled(t *testing.T, b bundle) []*unstructured.Unstructured {
	t.Helper()
	var list []*unstructured.Unstructured
	for _, o := range b.typed {
		cron, ok := o.(*wfv1.CronWorkflow)
		if !ok {
			continue
		}
		w := &wfv1.Workflow{Spec: cron.Spec.WorkflowSpec}
		w.TypeMeta.APIVersion, w.TypeMeta.Kind = cron.APIVersion, "Workflow"
		w.Name = cron.Name + "-9999999999"
		w.Labels = map[string]string{
			"workflows.argoproj.io/cron-workflow":     cron.Name,
			"workflows.argoproj.io/workflow-template": w.Spec.WorkflowTemplateRef.Name,
			"workflows.argoproj.io/workflow":          w.Name, // of its pods
		}
		object, err := kube.Untyped(w)
		require.NoError(t, err)
		list = append(list, object)
	}
	return list
}

var inputParameter = regexp.MustCompile(`\{\{inputs\.parameters\.[^}]*\}\}`)

// substitute fills in a template's variables as the controller does.
func substitute(t *testing.T, w *wfv1.WorkflowTemplate, template *wfv1.Template) *wfv1.Template {
	t.Helper()
	data, err := json.Marshal(template)
	require.NoError(t, err)
	text := strings.ReplaceAll(string(data), "{{workflow.uid}}", run)
	text = strings.ReplaceAll(text, "{{=asInt(retries)+1}}", "1")
	text = strings.ReplaceAll(text, "{{=sprig.trunc(10, sprig.sha256sum(workflow.uid))}}", runHash)
	text = inputParameter.ReplaceAllString(text, "scribe-copy-"+run)
	for _, p := range w.Spec.Arguments.Parameters {
		text = strings.ReplaceAll(text, "{{workflow.parameters."+p.Name+"}}", p.Value.String())
	}
	require.NotContains(t, text, "{{", "a variable is left")
	var filled wfv1.Template
	require.NoError(t, json.Unmarshal([]byte(text), &filled))
	return &filled
}

// pod assembles a template's pod as the controller of Argo Workflows 3.7 does:
// two containers of its own around the step's, which is started through Argo's
// executor, and two volumes that they share.
func pod(t *testing.T, w *wfv1.WorkflowTemplate, template *wfv1.Template, settings podSettings) *corev1.Pod {
	t.Helper()
	shared := corev1.VolumeMount{Name: "var-run-argo", MountPath: "/var/run/argo"}
	main := *template.Container
	main.Command = append([]string{"/var/run/argo/argoexec", "emissary", "--"}, main.Command...)
	wait := added("wait", settings)
	wait.VolumeMounts = append(wait.VolumeMounts, corev1.VolumeMount{Name: "tmp-dir-argo", MountPath: "/tmp", SubPath: "0"}, shared)
	for _, m := range main.VolumeMounts {
		m.MountPath, m.ReadOnly = path.Join("/mainctrfs", m.MountPath), false
		wait.VolumeMounts = append(wait.VolumeMounts, m)
	}
	main.VolumeMounts = append(main.VolumeMounts, shared)
	init := added("init", settings)
	init.VolumeMounts = append(init.VolumeMounts, shared)
	return assembled(t, w, template, settings, init, wait, main)
}

// startPod assembles the pod of a template that starts a run, as that controller does:
// its executor is the main container, alone, and both are locked down.
func startPod(t *testing.T, w *wfv1.WorkflowTemplate, template *wfv1.Template, settings podSettings) *corev1.Pod {
	t.Helper()
	shared := corev1.VolumeMount{Name: "var-run-argo", MountPath: "/var/run/argo"}
	init, main := added("init", settings), added("main", settings)
	main.Command = append([]string{"/var/run/argo/argoexec", "emissary", "--", "argoexec", "resource"}, template.Resource.Action)
	main.VolumeMounts = []corev1.VolumeMount{{Name: "tmp-dir-argo", MountPath: "/tmp", SubPath: "0"}, shared}
	init.VolumeMounts = []corev1.VolumeMount{shared}
	init.SecurityContext, main.SecurityContext = common.MinimalCtrSC(), common.MinimalCtrSC()
	init.SecurityContext.ReadOnlyRootFilesystem = nil
	return assembled(t, w, template, settings, init, main)
}

// assembled is the pod of a template with Argo's volumes.
func assembled(t *testing.T, w *wfv1.WorkflowTemplate, template *wfv1.Template, settings podSettings, init corev1.Container, containers ...corev1.Container) *corev1.Pod {
	t.Helper()
	deadline := int64(template.ActiveDeadlineSeconds.IntValue())
	p := &corev1.Pod{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{
			Name: fmt.Sprintf("%s-1763640000-%s-4294967295", w.Name, template.Name), Namespace: w.Namespace,
			Labels: template.Metadata.Labels, Annotations: template.Metadata.Annotations,
		},
		Spec: corev1.PodSpec{
			RestartPolicy:         corev1.RestartPolicyNever,
			ActiveDeadlineSeconds: &deadline,
			ServiceAccountName:    template.ServiceAccountName,
			InitContainers:        []corev1.Container{init},
			Containers:            containers,
			Volumes:               append([]corev1.Volume{scratch("var-run-argo"), scratch("tmp-dir-argo")}, template.Volumes...),
			NodeSelector:          template.NodeSelector, Tolerations: template.Tolerations, Affinity: template.Affinity,
			PriorityClassName: template.PriorityClassName, SecurityContext: template.SecurityContext,
		},
	}
	p.Labels["workflows.argoproj.io/workflow"] = w.Name + "-1763640000"
	if !settings.unpatched {
		patch(t, &p.Spec, template.PodSpecPatch)
	}
	return p
}

// added is a container that Argo adds.
func added(name string, settings podSettings) corev1.Container {
	return corev1.Container{
		Name: name, Image: executorImage, Command: []string{"argoexec", name}, Resources: settings.resources,
	}
}

func scratch(name string) corev1.Volume {
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}
}

// patch applies a template's podSpecPatch.
func patch(t *testing.T, spec *corev1.PodSpec, with string) {
	t.Helper()
	data, err := json.Marshal(spec)
	require.NoError(t, err)
	data, err = strategicpatch.StrategicMergePatch(data, []byte(with), corev1.PodSpec{})
	require.NoError(t, err)
	*spec = corev1.PodSpec{}
	require.NoError(t, json.Unmarshal(data, spec))
}
