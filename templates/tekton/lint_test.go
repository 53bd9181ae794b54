package tekton

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	tektonv1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/backube/scribe-gen/generator/manifest"
	"github.com/backube/scribe-gen/templates/enginetest"
)

type objects = []manifest.Object

// named returns the object of a type whose name ends so.
func named[T manifest.Object](t *testing.T, o objects, end string) T {
	t.Helper()
	var rest objects
	for _, one := range o {
		if strings.HasSuffix(one.GetName(), end) {
			rest = append(rest, one)
		}
	}
	return enginetest.Find[T](t, rest)
}

// spoilRun edits the skeleton of the source's runs.
func spoilRun(t *testing.T, o objects, old, now string) {
	m := named[*corev1.ConfigMap](t, o, "-src-run")
	m.Data[SkeletonKey] = strings.ReplaceAll(m.Data[SkeletonKey], old, now)
}

// spoilStart edits the skeleton of the runs that the push starts at one edge.
func spoilStart(t *testing.T, o objects, old, now string) {
	m := named[*corev1.ConfigMap](t, o, "-start-branch-run")
	require.Contains(t, m.Data[startKey], old)
	m.Data[startKey] = strings.ReplaceAll(m.Data[startKey], old, now)
}

// Each case breaks one thing of good objects, which no pod should have to find out.
func TestLint(t *testing.T) {
	push := func(t *testing.T, o objects) *tektonv1.Task { return named[*tektonv1.Task](t, o, "-src-push") }
	pipeline := enginetest.Find[*tektonv1.Pipeline]
	cron := enginetest.Find[*batchv1.CronJob]
	enginetest.Lint(t, Engine{}, lint, map[string]enginetest.Fault{
		"invalid":     {Spoil: func(t *testing.T, o objects) { push(t, o).Spec.Steps = nil }, Want: "spec.steps"},
		"no command":  {Spoil: func(t *testing.T, o objects) { push(t, o).Spec.Steps[0].Command = nil }, Want: "has no command"},
		"two volumes": {Spoil: func(t *testing.T, o objects) { push(t, o).Spec.Volumes = push(t, o).Spec.Volumes[:1] }, Want: `mounts "data", which is no volume of it`},
		"attached": {Spoil: func(t *testing.T, o objects) {
			s := &push(t, o).Spec.Steps[0]
			s.VolumeMounts = s.VolumeMounts[:1]
		}, Want: `volume "data" is attached to its pod although nothing mounts it`},
		"workspace": {Spoil: func(t *testing.T, o objects) {
			push(t, o).Spec.Workspaces = []tektonv1.WorkspaceDeclaration{{Name: "w"}}
		}, Want: "has workspaces"},
		"variable in a volume": {Spoil: func(t *testing.T, o objects) {
			push(t, o).Spec.Volumes[1].PersistentVolumeClaim.ClaimName = "$(params.typo)"
		}, Want: "$(params.typo) is no variable that is known here"},
		"open variable": {Spoil: func(t *testing.T, o objects) {
			s := &push(t, o).Spec.Steps[0]
			s.Args = append(s.Args, "--x=$(y")
		}, Want: "is no variable that is known here"},
		"result that is not there": {Spoil: func(t *testing.T, o objects) {
			p := pipeline(t, o)
			p.Spec.Tasks[1].Params[0].Value.StringVal = "$(tasks.snapshot.results.x)"
		}, Want: "$(tasks.snapshot.results.x) is no variable"},
		"Task elsewhere": {Spoil: func(t *testing.T, o objects) { pipeline(t, o).Spec.Tasks[0].TaskRef.Name = "x" }, Want: "refers to Task x, which is not in the bundle"},
		"param not given": {Spoil: func(t *testing.T, o objects) {
			p := pipeline(t, o)
			p.Spec.Tasks[1].Params = p.Spec.Tasks[1].Params[1:]
		}, Want: "is not given"},
		"param not taken": {Spoil: func(t *testing.T, o objects) {
			task := push(t, o)
			task.Spec.Params = append(task.Spec.Params[:0:0], task.Spec.Params[1:]...)
			task.Spec.Steps[0].Args = nil
			task.Spec.Volumes[1].PersistentVolumeClaim.ClaimName = "x"
		}, Want: "has no param"},
		"no limit": {Spoil: func(t *testing.T, o objects) { pipeline(t, o).Spec.Tasks[0].Timeout = nil }, Want: "has no time limit"},
		"run without limits": {Spoil: func(t *testing.T, o objects) {
			spoilRun(t, o, "tasks: ", "# ")
		}, Want: "needs a limit of the tasks"},
		"run of another Pipeline": {Spoil: func(t *testing.T, o objects) {
			spoilRun(t, o, "    name: scribe-wikidata-secondary-src", "    name: x")
		}, Want: "refers to Pipeline x, which is not in the bundle"},
		"run with a typo":     {Spoil: func(t *testing.T, o objects) { spoilRun(t, o, "timeouts", "timeout") }, Want: `unknown field "timeout"`},
		"run of another task": {Spoil: func(t *testing.T, o objects) { spoilRun(t, o, "Name: push", "Name: pull") }, Want: "has no task pull"},
		"run says nothing":    {Spoil: func(t *testing.T, o objects) { spoilRun(t, o, "Name: push", "Name: pull") }, Want: "says nothing of task push"},
		"run's account":       {Spoil: func(t *testing.T, o objects) { spoilRun(t, o, "secondary-push", "secondary-pull") }, Want: "no ServiceAccount"},
		"replace":             {Spoil: func(t *testing.T, o objects) { cron(t, o).Spec.ConcurrencyPolicy = batchv1.ReplaceConcurrent }, Want: "needs concurrency policy Forbid"},
		"account of the schedule": {Spoil: func(t *testing.T, o objects) {
			cron(t, o).Spec.JobTemplate.Spec.Template.Spec.ServiceAccountName = "x"
		}, Want: `no ServiceAccount "x"`},
		"skeleton elsewhere": {Spoil: func(t *testing.T, o objects) {
			named[*corev1.ConfigMap](t, o, "-src-run").Name = "x"
		}, Want: "no skeleton of a run in ConfigMap"},
		"name of a cron": {Spoil: func(t *testing.T, o objects) {
			cron(t, o).Name = "a-name-of-fifty-three-characters-is-one-too-many-here"
		}, Want: "name has 53 bytes, at most 52 are possible"},
		"start without a namespace": {At: "fan-out/hub", Spoil: func(t *testing.T, o objects) {
			spoilStart(t, o, "  namespace: shop-branch", "")
		}, Want: "start.yaml: has no namespace"},
		"start of nothing": {At: "fan-out/hub", Spoil: func(t *testing.T, o objects) {
			spoilStart(t, o, "    name: scribe-catalog-branch-dst", "    name: \"\"")
		}, Want: "start.yaml: refers to no Pipeline"},
		"start without limits": {At: "fan-out/hub", Spoil: func(t *testing.T, o objects) {
			spoilStart(t, o, "finally: ", "# ")
		}, Want: "start.yaml: needs a limit of the tasks"},
		"start's skeleton": {At: "fan-out/hub", Spoil: func(t *testing.T, o objects) {
			named[*corev1.ConfigMap](t, o, "-start-branch-run").Name = "x"
		}, Want: `no ConfigMap "scribe-catalog-hub-src-start-branch-run"`},
		"account of another namespace": {At: "fan-out/branch", Spoil: func(t *testing.T, o objects) {
			m := named[*corev1.ConfigMap](t, o, "-dst-run")
			m.Data[SkeletonKey] = strings.ReplaceAll(m.Data[SkeletonKey], "catalog-branch-pull", "catalog-hub-start")
		}, Want: `no ServiceAccount "scribe-catalog-hub-start"`},
		"listener with two containers": {Spoil: func(t *testing.T, o objects) {
			task := push(t, o)
			task.Spec.Steps = append(task.Spec.Steps, task.Spec.Steps[0])
			service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "s", Namespace: task.Namespace}}
			service.Spec.Selector = task.Labels
			o[0] = service // in place of what does not matter here
		}, Want: "Service s has no address"},
	})
}
