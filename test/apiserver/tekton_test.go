package apiserver

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	tektonv1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/backube/scribe-gen/generator/manifest"
	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/templates/tekton"
	"github.com/backube/scribe-gen/test/internal/kube"
)

// podLimit is how long Tekton's controller may take to make a pod.
const podLimit = time.Minute

// skeletons are the runs that the bundle's skeletons become, by the pipeline.
func skeletons(t *testing.T, b bundle) map[string]*tektonv1.PipelineRun {
	t.Helper()
	runs := map[string]*tektonv1.PipelineRun{}
	for _, o := range b.typed {
		c, ok := o.(*corev1.ConfigMap)
		if !ok || c.Data[tekton.SkeletonKey] == "" {
			continue
		}
		var run tektonv1.PipelineRun
		require.NoError(t, yaml.UnmarshalStrict([]byte(c.Data[tekton.SkeletonKey]), &run))
		runs[run.Spec.PipelineRef.Name] = &run
	}
	require.NotEmpty(t, runs)
	return runs
}

// tektonPods are made by Tekton's own controller, in a namespace that takes every
// pod: each Task of the bundle is run alone, as the skeleton of a run says.
func tektonPods(t *testing.T, c *kube.Cluster, b bundle, settings podSettings) map[string]*corev1.Pod {
	t.Helper()
	factory := c.Namespace(t, "factory", nil)
	tasks := map[string]bool{}
	for _, o := range b.objects {
		if o.GetKind() == "Task" {
			copied := o.DeepCopy()
			copied.SetNamespace(factory)
			c.Install(t, []*unstructured.Unstructured{copied})
			tasks[o.GetName()] = true
		}
	}
	type made struct{ pipeline, step string }
	runs := map[made]*unstructured.Unstructured{}
	for pipeline, run := range skeletons(t, b) {
		for _, s := range run.Spec.TaskRunSpecs {
			task := tekton.TaskName(pipeline, s.PipelineTaskName)
			require.True(t, tasks[task], "no Task %s", task)
			giveAccount(t, c, factory, s.ServiceAccountName)
			runs[made{pipeline, s.PipelineTaskName}] = taskRun(t, c, b, factory, task, s)
		}
	}
	pods := map[string]*corev1.Pod{}
	for at, run := range runs {
		p := podOf(t, c, run)
		p.Name, p.Namespace = run.GetName(), b.Namespace
		for i := range p.Spec.InitContainers {
			p.Spec.InitContainers[i].Resources = settings.resources
		}
		pods[at.pipeline+"/"+at.step] = p
	}
	return pods
}

func giveAccount(t *testing.T, c *kube.Cluster, namespace, name string) {
	t.Helper()
	_, err := c.Client.CoreV1().ServiceAccounts(namespace).Create(t.Context(), &corev1.ServiceAccount{
		ObjectMeta: metav1.ObjectMeta{Name: name},
	}, metav1.CreateOptions{})
	require.True(t, err == nil || apierrors.IsAlreadyExists(err), "%v", err)
}

// taskRun runs a Task alone, with values of about the right length for its params.
func taskRun(t *testing.T, c *kube.Cluster, b bundle, namespace, task string, as tektonv1.PipelineTaskRunSpec) *unstructured.Unstructured {
	t.Helper()
	r := &tektonv1.TaskRun{
		TypeMeta:   metav1.TypeMeta{APIVersion: tektonv1.SchemeGroupVersion.String(), Kind: "TaskRun"},
		ObjectMeta: metav1.ObjectMeta{Name: task, Namespace: namespace},
		Spec: tektonv1.TaskRunSpec{
			TaskRef: &tektonv1.TaskRef{Name: task}, ServiceAccountName: as.ServiceAccountName, PodTemplate: as.PodTemplate,
		},
	}
	for _, o := range b.typed {
		if o, ok := o.(*tektonv1.Task); ok && o.Name == task {
			for _, p := range o.Spec.Params {
				r.Spec.Params = append(r.Spec.Params, tektonv1.Param{Name: p.Name, Value: *tektonv1.NewStructuredValues("scribe-copy-" + run)})
			}
		}
	}
	object, err := kube.Untyped(r)
	require.NoError(t, err)
	return c.Install(t, []*unstructured.Unstructured{object})[0].Object
}

// podOf waits until Tekton has made the pod of a TaskRun, and returns it as one
// that could be made again.
func podOf(t *testing.T, c *kube.Cluster, run *unstructured.Unstructured) *corev1.Pod {
	t.Helper()
	live, err := c.Until(t.Context(), run, podLimit, "a pod", func(o *unstructured.Unstructured) (bool, error) {
		if o == nil {
			return false, nil
		}
		name, _, _ := unstructured.NestedString(o.Object, "status", "podName")
		conditions, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
		if len(conditions) > 0 && conditions[0].(map[string]any)["status"] == "False" {
			return false, errors.New("it failed")
		}
		return name != "", nil
	})
	require.NoError(t, err)
	name, _, _ := unstructured.NestedString(live.Object, "status", "podName")
	p, err := c.Client.CoreV1().Pods(run.GetNamespace()).Get(t.Context(), name, metav1.GetOptions{})
	require.NoError(t, err)
	return &corev1.Pod{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{Name: p.Name, Labels: p.Labels, Annotations: p.Annotations},
		Spec:       p.Spec,
	}
}

// Runs with the longest names, started by hand and by a schedule, get as far as
// their first pods: Tekton makes names and labels of what the bundle has.
func TestRunsWithTheLongestNamesBecomePods(t *testing.T) {
	c := server(t)
	for _, f := range longest(onTekton) {
		for _, b := range f.compile(t, c, nil) {
			c.Install(t, b.objects)
			for _, o := range tektonScheduled(t, b) {
				if o.GetKind() == "PipelineRun" {
					begins(t, c, o)
				}
			}
			for pipeline, run := range skeletons(t, b) {
				require.Equal(t, pipeline+"-", run.GenerateName)
				object, err := kube.Untyped(run)
				require.NoError(t, err)
				begins(t, c, object)
			}
		}
	}
}

// begins makes a run and waits for the pod of its first task.
func begins(t *testing.T, c *kube.Cluster, run *unstructured.Unstructured) {
	t.Helper()
	resource, err := c.Resource(run)
	require.NoError(t, err)
	made, err := resource.Create(t.Context(), run, metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict})
	require.NoError(t, err)
	live, err := c.Until(t.Context(), made, podLimit, "a task that began", func(o *unstructured.Unstructured) (bool, error) {
		return o != nil && firstTaskRun(o) != "", nil
	})
	require.NoError(t, err)
	task := &unstructured.Unstructured{}
	task.SetAPIVersion(live.GetAPIVersion())
	task.SetKind("TaskRun")
	task.SetNamespace(live.GetNamespace())
	task.SetName(firstTaskRun(live))
	podOf(t, c, task)
}

// firstTaskRun is the name of a TaskRun of the run, or empty while it has none.
func firstTaskRun(run *unstructured.Unstructured) string {
	children, _, _ := unstructured.NestedSlice(run.Object, "status", "childReferences")
	if len(children) == 0 {
		return ""
	}
	name, _ := children[0].(map[string]any)["name"].(string)
	return name
}

// tektonRights let a step see the pods of earlier attempts, the first step of a run
// the older runs, and a step that removes volumes the pods that hold them.
func tektonRights(r plan.Relationship, a plan.Account) []kube.Right {
	if a.Namespace != "" { // it starts runs from elsewhere
		return startsRuns
	}
	list := kube.Expand([]string{"list"}, []string{""}, []string{"pods"}, nil)
	begins := func(s plan.Step) bool { return s.Account == a.Name && len(s.Needs) == 0 }
	if slices.ContainsFunc(r.Pipelines, func(p plan.Pipeline) bool {
		return p.Lock != "" && slices.ContainsFunc(p.Steps, begins)
	}) {
		list = append(list, kube.Expand([]string{"list", "watch"}, []string{"tekton.dev"}, []string{"pipelineruns"}, nil)...)
	}
	return append(list, rights(a.Lingering)...)
}

// tektonStarters are the accounts of CronJobs.
func tektonStarters(b bundle, r plan.Relationship) []account {
	var list []account
	for _, p := range r.Pipelines {
		if p.Schedule != nil {
			list = append(list, account{name: p.Name + "-start", namespace: b.Namespace, made: true, inside: startsRuns})
		}
	}
	return list
}

// startsRuns are the rights of whoever starts runs.
var startsRuns = kube.Expand([]string{"list", "watch", "create", "delete"}, []string{"tekton.dev"}, []string{"pipelineruns"}, nil)

// tektonScheduled are the Job that a CronJob makes at the end of days, and the run
// that has its name.
func tektonScheduled(t *testing.T, b bundle) []*unstructured.Unstructured {
	t.Helper()
	runs := skeletons(t, b)
	var list []*unstructured.Unstructured
	for _, o := range b.typed {
		cron, ok := o.(*batchv1.CronJob)
		if !ok {
			continue
		}
		job := &batchv1.Job{
			TypeMeta:   metav1.TypeMeta{APIVersion: "batch/v1", Kind: "Job"},
			ObjectMeta: metav1.ObjectMeta{Name: cron.Name + "-9999999999"},
			Spec:       cron.Spec.JobTemplate.Spec,
		}
		run := runs[cron.Name]
		require.NotNil(t, run, cron.Name)
		run.Name, run.GenerateName = job.Name, ""
		for _, o := range []manifest.Object{job, run} {
			object, err := kube.Untyped(o)
			require.NoError(t, err)
			list = append(list, object)
		}
	}
	return list
}
