package tekton

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	tektonv1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/backube/scribe-gen/generator/manifest"
	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/templates/enginetest"
)

func TestConformance(t *testing.T) { enginetest.Run(t, Engine{}, inspector{}) }

// inspector reads Tasks, Pipelines and the skeletons of their runs back.
type inspector struct{}

// bundle is the objects by name.
type bundle struct {
	tasks   map[string]*tektonv1.Task
	runs    map[string]*tektonv1.PipelineRun // by Pipeline
	started map[string]*tektonv1.PipelineRun // elsewhere, by ConfigMap
}

func (inspector) Pipelines(objects []manifest.Object) (map[string]enginetest.Pipeline, error) {
	b := bundle{map[string]*tektonv1.Task{}, map[string]*tektonv1.PipelineRun{}, map[string]*tektonv1.PipelineRun{}}
	for _, o := range objects {
		switch o := o.(type) {
		case *tektonv1.Task:
			b.tasks[o.Name] = o
		case *corev1.ConfigMap:
			if err := b.read(o); err != nil {
				return nil, err
			}
		}
	}
	pipelines := map[string]enginetest.Pipeline{}
	for _, o := range objects {
		if p, ok := o.(*tektonv1.Pipeline); ok {
			view, err := b.pipeline(p)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", p.Name, err)
			}
			pipelines[p.Name] = view
		}
	}
	for _, o := range objects {
		if c, ok := o.(*batchv1.CronJob); ok {
			p := pipelines[c.Name]
			p.Schedule = schedule(c)
			pipelines[c.Name] = p
		}
	}
	return pipelines, nil
}

// read notes the run that a ConfigMap has the skeleton of.
func (b bundle) read(m *corev1.ConfigMap) error {
	for key, text := range m.Data {
		run := &tektonv1.PipelineRun{}
		switch key {
		case SkeletonKey, startKey:
			if err := yaml.UnmarshalStrict([]byte(text), run); err != nil {
				return fmt.Errorf("%s: %w", m.Name, err)
			}
		}
		switch key {
		case SkeletonKey:
			b.runs[run.Spec.PipelineRef.Name] = run
		case startKey:
			b.started[m.Name] = run
		}
	}
	return nil
}

// schedule is that of a CronJob whose start may be late as long as it waits.
func schedule(c *batchv1.CronJob) *enginetest.Schedule {
	s := &enginetest.Schedule{
		Cron: c.Spec.Schedule, TimeZone: *c.Spec.TimeZone, Suspend: c.Spec.Suspend != nil && *c.Spec.Suspend,
		StartingDeadline: time.Duration(*c.Spec.StartingDeadlineSeconds) * time.Second,
	}
	main := c.Spec.JobTemplate.Spec.Template.Spec.Containers[0]
	if !slices.Contains(main.Args, "--wait="+s.StartingDeadline.String()) {
		s.StartingDeadline = 0
	}
	return s
}

func (b bundle) pipeline(p *tektonv1.Pipeline) (enginetest.Pipeline, error) {
	run := b.runs[p.Name]
	view := enginetest.Pipeline{Params: map[string]string{}, Exclusive: true, Timeout: run.Spec.Timeouts.Tasks.Duration}
	for _, v := range p.Spec.Params {
		view.Params[v.Name] = v.Default.StringVal
	}
	var queue time.Duration
	for _, pt := range p.Spec.Tasks {
		s, turn, err := b.step(run, &pt)
		if err != nil {
			return view, fmt.Errorf("%s: %w", pt.Name, err)
		}
		if len(s.Needs) == 0 {
			view.Exclusive = view.Exclusive && turn > 0
			queue = turn
		}
		if s.Container.Command[0] == "/scribe/tekton" {
			view.Starts = append(view.Starts, b.start(s))
			continue
		}
		view.Steps = append(view.Steps, s)
	}
	view.Timeout -= queue
	for _, pt := range p.Spec.Finally {
		s, _, err := b.step(run, &pt)
		if err != nil {
			return view, fmt.Errorf("%s: %w", pt.Name, err)
		}
		view.Finally = append(view.Finally, s)
	}
	return view, nil
}

// start is a step that starts a run from the skeleton that it mounts. Without a name
// of its own that follows from the run ID.
func (b bundle) start(s enginetest.Step) enginetest.Start {
	view := enginetest.Start{Step: s, Once: slices.Contains(s.Container.Args, "--run-id="+plan.Run)}
	for _, arg := range s.Container.Args {
		view.Once = view.Once && !strings.HasPrefix(arg, "--name=")
	}
	for _, v := range s.Volumes {
		if v.ConfigMap != nil {
			run := b.started[v.ConfigMap.Name]
			view.Pipeline, view.RunLabels = run.Spec.PipelineRef.Name, run.Labels
			if slices.Contains(s.Container.Args, "--namespace="+run.Namespace) {
				view.Namespace = run.Namespace
			}
		}
	}
	return view
}

// step returns the view of a task and how long it waits for its turn before.
func (b bundle) step(run *tektonv1.PipelineRun, pt *tektonv1.PipelineTask) (s enginetest.Step, turn time.Duration, err error) {
	task, err := neutral(pt, b.tasks[pt.TaskRef.Name])
	if err != nil {
		return s, 0, err
	}
	if len(task.Spec.Steps) > 1 {
		if turn, err = turnOf(task.Spec.Steps[0]); err != nil {
			return s, 0, err
		}
	}
	c := task.Spec.Steps[len(task.Spec.Steps)-1]
	s = enginetest.Step{
		Name: pt.Name, Needs: pt.RunAfter, Volumes: task.Spec.Volumes,
		Container: corev1.Container{
			Name: c.Name, Image: c.Image, Command: c.Command, Env: c.Env, EnvFrom: c.EnvFrom,
			Args:      slices.DeleteFunc(c.Args, func(a string) bool { return strings.HasPrefix(a, "--termination-file=") }),
			Resources: c.ComputeResources, VolumeMounts: c.VolumeMounts, SecurityContext: c.SecurityContext,
		},
		Labels: task.Labels, Annotations: task.Annotations,
		Outputs: map[string]string{},
	}
	for _, r := range task.Spec.Results {
		if r.Name != contract.OutcomeResult {
			s.Outputs[r.Name] = "/tekton/results/" + r.Name
		}
	}
	for _, spec := range run.Spec.TaskRunSpecs {
		if spec.PipelineTaskName == pt.Name {
			t := spec.PodTemplate
			s.Account, s.Security = spec.ServiceAccountName, t.SecurityContext
			s.NodeSelector, s.Tolerations, s.Affinity = t.NodeSelector, t.Tolerations, t.Affinity
			if t.PriorityClassName != nil {
				s.PriorityClassName = *t.PriorityClassName
			}
		}
	}
	if user := c.SecurityContext.RunAsUser; user != nil {
		s.Security.RunAsUser = user
	}
	if err := attempts(&s, pt.Retries); err != nil {
		return s, turn, err
	}
	if all := pt.Timeout.Duration - turn; all < s.Timeout {
		return s, turn, fmt.Errorf("its pod has %s, and one attempt %s", all, s.Timeout)
	}
	return s, turn, nil
}

// turnOf returns how long a container waits for older runs.
func turnOf(c tektonv1.Step) (time.Duration, error) {
	turn := &contract.TektonTurn{}
	if err := contract.Flags(turn).Parse(c.Args[1:]); err != nil {
		return 0, err
	}
	if turn.Pipeline == "" || turn.RunName == "" {
		return 0, fmt.Errorf("waits for nothing: %v", c.Args)
	}
	return turn.Timeout, nil
}

// attempts reads what the step is told of attempts. It makes those itself, and a pod
// that Tekton starts again asks the earlier ones whether the step gave up.
func attempts(s *enginetest.Step, retries int) error {
	env := map[string]string{}
	for _, e := range s.Container.Env {
		env[e.Name] = e.Value
	}
	var err [4]error
	s.Retries, err[0] = strconv.Atoi(env[contract.RetryLimitVariable])
	s.Backoff, err[1] = time.ParseDuration(env[contract.RetryBackoffVariable])
	s.MaxBackoff, err[2] = time.ParseDuration(env[contract.RetryMaxBackoffVariable])
	s.Timeout, err[3] = time.ParseDuration(env[contract.AttemptTimeoutVariable])
	s.Retry = func(code int) (bool, error) {
		asks := retries == 0 || env[contract.EarlierPodsVariable] != ""
		return !asks || !slices.Contains(contract.NoRetry[:], code), nil
	}
	for _, e := range err {
		if e != nil {
			return e
		}
	}
	return nil
}

// notation matches Tekton's variables and gives the plan's.
var notation = []struct {
	tekton *regexp.Regexp
	plan   string
}{
	{regexp.MustCompile(`\$\(context\.pipelineRun\.uid\)`), strings.ReplaceAll(plan.Run, "$", "$$")},
	{regexp.MustCompile(`\$\(params\.([^)]*)\)`), "$$[params.$1]"},
	{regexp.MustCompile(`\$\(tasks\.([^.]*)\.results\.([^)]*)\)`), "$$[steps.$1.$2]"},
	{regexp.MustCompile(`\$\(results\.([^)]*)\.path\)`), "/tekton/results/$1"},
}

// neutral returns the Task with its params filled in from the pipeline's task, in
// the plan's notation.
func neutral(pt *tektonv1.PipelineTask, task *tektonv1.Task) (*tektonv1.Task, error) {
	data, err := json.Marshal(task)
	if err != nil {
		return nil, err
	}
	text := string(data)
	for _, p := range pt.Params {
		text = strings.ReplaceAll(text, "$(params."+p.Name+")", p.Value.StringVal)
	}
	for _, n := range notation {
		text = n.tekton.ReplaceAllString(text, n.plan)
	}
	var out tektonv1.Task
	return &out, json.Unmarshal([]byte(text), &out)
}
