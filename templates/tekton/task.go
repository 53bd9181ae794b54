package tekton

import (
	"context"
	"fmt"
	"maps"
	"slices"

	tektonv1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/templates/internal/podspec"
)

// task is one step. Tekton copies a Task's labels and annotations to its pods.
func (r relationship) task(p *plan.Pipeline, s *plan.Step) (*tektonv1.Task, error) {
	var turn *contract.TektonTurn
	if waitsForTurn(p, s) {
		turn = &contract.TektonTurn{
			Common:  contract.Common{Replication: r.Plan.Replication, Relationship: r.Name, Run: plan.Run},
			Timeout: QueueLimit(p),
		}
	}
	spec, err := TaskSpec(s, turn)
	if err != nil {
		return nil, err
	}
	t := &tektonv1.Task{
		TypeMeta:   tektonType("Task"),
		ObjectMeta: r.OfRole(TaskName(p.Name, s.Name), p.Role),
		Spec:       *spec,
	}
	maps.Copy(t.Labels, podspec.Labels(r.Plan.Replication, r.Name, p.Role, s, unknownRun))
	if t.Annotations == nil {
		t.Annotations = map[string]string{}
	}
	maps.Copy(t.Annotations, podspec.Annotations(s))
	return t, nil
}

// unknownRun stands for the run in what is made before there is one.
const unknownRun = ""

// waitsForTurn reports whether the step is one that a run of the pipeline begins
// with, and the pipeline runs once at a time.
func waitsForTurn(p *plan.Pipeline, s *plan.Step) bool {
	first := func(f plan.Step) bool { return f.Name == s.Name && len(f.Needs) == 0 }
	return p.Lock != "" && slices.ContainsFunc(p.Steps, first)
}

// TaskSpec returns a step as a Task with defaults set. What the step takes from
// elsewhere are its params: the run ID, outputs of others as <step>-<output>, and
// the pipeline's parameters. With turn it waits for its turn first. Its volumes are
// its own: with workspaces Tekton would force pods together and hold the volumes for
// the whole run.
func TaskSpec(s *plan.Step, turn *contract.TektonTurn) (*tektonv1.TaskSpec, error) {
	value := variables(s)
	volumes, err := podspec.Volumes(s, value)
	if err != nil {
		return nil, err
	}
	spec := &tektonv1.TaskSpec{Params: params(s), Results: results(s), Volumes: volumes}
	if turn != nil {
		first, err := turnStep(s, turn)
		if err != nil {
			return nil, err
		}
		spec.Steps = append(spec.Steps, first)
		spec.Params = append(spec.Params, textParam(ParamPipeline), textParam(paramRunName))
	}
	main, err := container(s)
	if err != nil {
		return nil, err
	}
	spec.Steps = append(spec.Steps, main)
	spec.SetDefaults(context.Background())
	return spec, nil
}

// turnStep waits until it is the run's turn, in the pod of the first step, so that
// it costs no pod of its own. A step that listens cannot have it: with a container
// that has ended its pod would never be ready, and its Service have no address.
func turnStep(s *plan.Step, turn *contract.TektonTurn) (tektonv1.Step, error) {
	if s.Port != 0 {
		return tektonv1.Step{}, &plan.UnsupportedError{Engine: Name, Path: "step " + s.Name,
			Reason: "the first step of a pipeline that runs once at a time cannot listen; put another before it"}
	}
	waits := plan.Step{
		Name: TurnStep, Command: turn, Pod: s.Pod, Retry: s.Retry, // its wait is its limit
		Settings: []plan.Setting{{Flag: "pipeline", Param: ParamPipeline}, {Flag: "run-name", Param: paramRunName}},
	}
	return container(&waits)
}

// container is a container as a Task has it. Ports and probes Tekton has no fields
// for: a listener's pod is ready as soon as it runs, and the source tries again.
func container(s *plan.Step) (tektonv1.Step, error) {
	c, err := podspec.Container(s.Name, s, variables(s))
	if err != nil {
		return tektonv1.Step{}, err
	}
	pod, err := podspec.PodSecurity(s.Pod)
	if err != nil {
		return tektonv1.Step{}, err
	}
	if isRoot(pod) {
		c.SecurityContext.RunAsUser, c.SecurityContext.RunAsGroup = pod.RunAsUser, pod.RunAsGroup
	}
	return tektonv1.Step{
		Name: c.Name, Image: c.Image, ImagePullPolicy: c.ImagePullPolicy,
		Command: c.Command, Args: append(c.Args, outcomeArgument), Env: environment(s),
		ComputeResources: c.Resources, VolumeMounts: c.VolumeMounts, SecurityContext: c.SecurityContext,
	}, nil
}

// outcomeArgument has a step leave its last word in a result.
var outcomeArgument = "--termination-file=" + resultPath(contract.OutcomeResult)

// isRoot reports whether the pod's own containers run as root. That is then said in
// each container and not for the pod: where Tekton gives the containers that it adds
// a security context, they must not run as root, and inherit the pod's user.
func isRoot(pod *corev1.PodSecurityContext) bool { return pod.RunAsUser != nil && *pod.RunAsUser == 0 }

// environment tells a step how to make its attempts, and how to find the pods of
// earlier ones.
func environment(s *plan.Step) []corev1.EnvVar {
	env := []corev1.EnvVar{
		{Name: contract.RetryLimitVariable, Value: fmt.Sprint(s.Retry.Limit)},
		{Name: contract.RetryBackoffVariable, Value: s.Retry.Backoff.String()},
		{Name: contract.RetryMaxBackoffVariable, Value: s.Retry.MaxBackoff.String()},
		{Name: contract.EarlierPodsVariable, Value: "tekton.dev/taskRun=$(context.taskRun.name)"},
		{Name: contract.PodVariable, ValueFrom: &corev1.EnvVarSource{
			FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.name"},
		}},
	}
	if s.Timeout > 0 {
		env = append(env, corev1.EnvVar{Name: contract.AttemptTimeoutVariable, Value: s.Timeout.String()})
	}
	if removesCopies(s.Command) {
		env = append(env, corev1.EnvVar{Name: contract.FinishedPodsVariable, Value: contract.FinishedPodsDelete})
	}
	return env
}

// removesCopies reports whether a step removes volumes that finished pods hold.
func removesCopies(c contract.Command) bool {
	switch c.(type) {
	case *contract.SnapshotCreate, *contract.SnapshotCleanup:
		return true
	}
	return false
}

func tektonType(kind string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: tektonv1.SchemeGroupVersion.String(), Kind: kind}
}
