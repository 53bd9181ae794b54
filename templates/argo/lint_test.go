package argo

import (
	"encoding/json"
	"strings"
	"testing"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	"github.com/argoproj/argo-workflows/v3/util/template"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/yaml"

	"github.com/backube/scribe-gen/generator/manifest"
	"github.com/backube/scribe-gen/templates/enginetest"
)

// Each case breaks one thing of good objects that Argo's validators let pass.
func TestLint(t *testing.T) {
	// The templates of the source: main, snapshot, push, cleanup.
	push := func(t *testing.T, objects []manifest.Object) *wfv1.Template {
		return &enginetest.Find[*wfv1.WorkflowTemplate](t, objects).Spec.Templates[2]
	}
	cron := enginetest.Find[*wfv1.CronWorkflow]
	enginetest.Lint(t, Engine{}, lint, map[string]enginetest.Fault{
		"mount without volume": {Spoil: func(t *testing.T, o []manifest.Object) {
			p := push(t, o)
			p.Volumes = p.Volumes[:1]
		}, Want: `template push: mounts "data", which is no volume of it`},
		"volume without mount": {Spoil: func(t *testing.T, o []manifest.Object) {
			p := push(t, o)
			p.Container.VolumeMounts = p.Container.VolumeMounts[:1]
		}, Want: `volume "data" is attached to its pod although nothing mounts it`},
		"no retry limit": {Spoil: func(t *testing.T, o []manifest.Object) { push(t, o).RetryStrategy.Limit = nil }, Want: "has no retry limit"},
		"expression that does not compile": {Spoil: func(t *testing.T, o []manifest.Object) {
			push(t, o).RetryStrategy.Expression = "lastRetry.exitCod == '2'"
		}, Want: "retry expression: "},
		"expression that is no condition": {Spoil: func(t *testing.T, o []manifest.Object) {
			push(t, o).RetryStrategy.Expression = "lastRetry.exitCode"
		}, Want: "retry expression: "},
		"upper case": {Spoil: func(t *testing.T, o []manifest.Object) { push(t, o).Name = "Push" }, Want: "template Push: name: "},
		"digit":      {Spoil: func(t *testing.T, o []manifest.Object) { taskOf(t, o).Name = "1push" }, Want: "cannot begin with a digit"},
		"fails fast": {Spoil: func(t *testing.T, o []manifest.Object) {
			enginetest.Find[*wfv1.WorkflowTemplate](t, o).Spec.Templates[0].DAG.FailFast = nil
		}, Want: "fails fast"},
		"stranger's variable": {Spoil: func(t *testing.T, o []manifest.Object) {
			push(t, o).Container.Args = []string{"{{workflow.name}}"}
		}, Want: "{{workflow.name}} is no variable that is known here"},
		"input that is not declared": {Spoil: func(t *testing.T, o []manifest.Object) {
			push(t, o).Container.Args = []string{"{{inputs.parameters.x}}"}
		}, Want: "{{inputs.parameters.x}} is no variable"},
		"open braces": {Spoil: func(t *testing.T, o []manifest.Object) {
			push(t, o).Metadata.Annotations["a"] = "{{"
		}, Want: "is no variable that is known here"},
		"no command": {Spoil: func(t *testing.T, o []manifest.Object) { push(t, o).Container.Command = nil }, Want: "has no command"},
		"no account": {Spoil: func(t *testing.T, o []manifest.Object) { push(t, o).ServiceAccountName = "x" }, Want: `no ServiceAccount "x"`},
		"no limit":   {Spoil: func(t *testing.T, o []manifest.Object) { push(t, o).Timeout = "" }, Want: "has no time limit"},
		"no deadline": {Spoil: func(t *testing.T, o []manifest.Object) {
			enginetest.Find[*wfv1.WorkflowTemplate](t, o).Spec.ActiveDeadlineSeconds = nil
		}, Want: "has no deadline"},
		"mutex": {Spoil: func(t *testing.T, o []manifest.Object) {
			enginetest.Find[*wfv1.WorkflowTemplate](t, o).Spec.Synchronization.Mutexes[0].Name = ""
		}, Want: `mutex ""`},
		"no schedule": {Spoil: func(t *testing.T, o []manifest.Object) { cron(t, o).Spec.Schedules = nil }, Want: "has no schedule"},
		"no zone":     {Spoil: func(t *testing.T, o []manifest.Object) { cron(t, o).Spec.Timezone = "" }, Want: "has no time zone"},
		"replace": {Spoil: func(t *testing.T, o []manifest.Object) {
			cron(t, o).Spec.ConcurrencyPolicy = wfv1.ReplaceConcurrent
		}, Want: `concurrency policy "Replace"`},
		"template elsewhere": {Spoil: func(t *testing.T, o []manifest.Object) {
			cron(t, o).Spec.WorkflowSpec.WorkflowTemplateRef.Name = "x"
		}, Want: "refers to a WorkflowTemplate that is not in the bundle"},
		"name of a cron": {Spoil: func(t *testing.T, o []manifest.Object) {
			cron(t, o).Name = "a-name-of-fifty-three-characters-is-one-too-many-here"
		}, Want: "name has 53 bytes, at most 52 are possible"},
		"start without a namespace": {At: "fan-out/hub", Spoil: func(t *testing.T, o []manifest.Object) {
			spoilStart(t, o, "namespace: shop-branch", "")
		}, Want: "template start-branch: manifest: needs a namespace"},
		"start of any name": {At: "fan-out/hub", Spoil: func(t *testing.T, o []manifest.Object) {
			spoilStart(t, o, variableRunHash, "now")
		}, Want: "the same in every attempt"},
		"start of a long name": {At: "fan-out/hub", Spoil: func(t *testing.T, o []manifest.Object) {
			spoilStart(t, o, "name: scribe-catalog-branch-dst-{{", "name: "+strings.Repeat("n", 54)+"{{")
		}, Want: "manifest: name: must be no more than 63 characters"},
		"start with a typo": {At: "fan-out/hub", Spoil: func(t *testing.T, o []manifest.Object) {
			spoilStart(t, o, "ttlStrategy", "ttlStrat")
		}, Want: `unknown field "ttlStrat"`},
		"start that creates": {At: "fan-out/hub", Spoil: func(t *testing.T, o []manifest.Object) { startOf(t, o).Resource.Action = "create" }, Want: `action "create"`},
		"start's account":    {At: "fan-out/hub", Spoil: func(t *testing.T, o []manifest.Object) { startOf(t, o).ServiceAccountName = "x" }, Want: `no ServiceAccount "x"`},
		"account of another namespace": {At: "fan-out/branch", Spoil: func(t *testing.T, o []manifest.Object) {
			enginetest.Find[*wfv1.WorkflowTemplate](t, o).Spec.Templates[1].ServiceAccountName = "scribe-catalog-hub-start"
		}, Want: `no ServiceAccount "scribe-catalog-hub-start"`},
		"namespace": {Spoil: func(t *testing.T, o []manifest.Object) { enginetest.Find[*corev1.ConfigMap](t, o).Namespace = "" }, Want: `namespace "", want "wiki"`},
	})
}

// startOf returns the first template that starts a run elsewhere.
func startOf(t *testing.T, objects []manifest.Object) *wfv1.Template {
	t.Helper()
	w := enginetest.Find[*wfv1.WorkflowTemplate](t, objects)
	for i := range w.Spec.Templates {
		if w.Spec.Templates[i].Resource != nil {
			return &w.Spec.Templates[i]
		}
	}
	require.Fail(t, "nothing is started")
	return nil
}

func spoilStart(t *testing.T, objects []manifest.Object, old, now string) {
	t.Helper()
	r := startOf(t, objects).Resource
	require.Contains(t, r.Manifest, old)
	r.Manifest = strings.ReplaceAll(r.Manifest, old, now)
}

// taskOf returns the task that pushes.
func taskOf(t *testing.T, objects []manifest.Object) *wfv1.DAGTask {
	return &enginetest.Find[*wfv1.WorkflowTemplate](t, objects).Spec.Templates[0].DAG.Tasks[1]
}

// The controller fills in variables in several passes; the number of the attempt
// must survive those that do not know it yet, and then count from 1.
func TestAttemptVariable(t *testing.T) {
	text, err := json.Marshal(map[string]string{"run": variableRun, "attempt": variableAttempt})
	require.NoError(t, err)
	first, err := template.Replace(string(text), map[string]string{"workflow.uid": "u"}, true)
	require.NoError(t, err)
	assert.Contains(t, first, variableAttempt)
	second, err := template.Replace(first, map[string]string{"workflow.uid": "u", "retries": "0"}, true)
	require.NoError(t, err)
	assert.JSONEq(t, `{"run":"u","attempt":"1"}`, second)
}

// The patch must be what Argo merges into a pod: its containers by name, and
// nothing that a pod does not have.
func TestPodSpecPatch(t *testing.T) {
	resources := corev1.ResourceRequirements{
		Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("10m")},
		Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("1Gi")},
	}
	text, err := podSpecPatch(resources)
	require.NoError(t, err)
	var patch corev1.PodSpec
	require.NoError(t, yaml.UnmarshalStrict([]byte(text), &patch))
	require.Len(t, patch.InitContainers, 1)
	require.Len(t, patch.Containers, 1)
	for name, c := range map[string]corev1.Container{"init": patch.InitContainers[0], "wait": patch.Containers[0]} {
		assert.Equal(t, name, c.Name)
		assert.Equal(t, resources, c.Resources)
		assert.False(t, *c.SecurityContext.AllowPrivilegeEscalation)
		assert.Equal(t, []corev1.Capability{"ALL"}, c.SecurityContext.Capabilities.Drop)
	}
	assert.EqualValues(t, 60, *patch.TerminationGracePeriodSeconds)
	none, err := podSpecPatch(corev1.ResourceRequirements{})
	require.NoError(t, err)
	assert.NotContains(t, none, "resources")
}
