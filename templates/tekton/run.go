package tekton

import (
	"fmt"
	"time"

	"github.com/tektoncd/pipeline/pkg/apis/pipeline/pod"
	tektonv1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/backube/scribe-gen/generator/manifest"
	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/templates/internal/podspec"
)

// skeleton is the ConfigMap of a run that only has to be created. It holds what
// Tekton takes from nowhere else: accounts, placement and security of pods, and the
// run's limits. A run itself cannot be in Git: it has no name, and never changes.
func (r relationship) skeleton(p *plan.Pipeline) (*corev1.ConfigMap, error) {
	text, err := r.skeletonText(p)
	if err != nil {
		return nil, err
	}
	return &corev1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: r.OfRole(SkeletonName(p.Name), p.Role),
		Data:       map[string]string{SkeletonKey: text},
	}, nil
}

func (r relationship) skeletonText(p *plan.Pipeline) (string, error) {
	run, err := r.run(r.withStarts(p))
	if err != nil {
		return "", err
	}
	text, err := manifest.Print(run)
	if err != nil {
		return "", fmt.Errorf("skeleton of its runs: %w", err)
	}
	return skeletonHeader + string(text), nil
}

// skeletonHeader begins every skeleton.
const skeletonHeader = "# A run of the pipeline, for kubectl create; apply cannot make one.\n"

// run is a run of the pipeline that has not been given a name.
func (r relationship) run(p *plan.Pipeline) (*tektonv1.PipelineRun, error) {
	meta := r.OfRole("", p.Role)
	meta.GenerateName = p.Name + "-"
	meta.Labels[LabelPipeline] = p.Name // which Tekton itself sets a moment later
	meta.Annotations = map[string]string{
		// Tekton copies the Pipeline's labels to its runs, those that GitOps tools
		// track by, too: a run must not be removed for not being in Git.
		"argocd.argoproj.io/compare-options": "IgnoreExtraneous",
		"argocd.argoproj.io/sync-options":    "Prune=false",
	}
	run := &tektonv1.PipelineRun{
		TypeMeta:   tektonType("PipelineRun"),
		ObjectMeta: meta,
		Spec: tektonv1.PipelineRunSpec{
			PipelineRef: &tektonv1.PipelineRef{Name: p.Name},
			Timeouts:    timeouts(p),
		},
	}
	for _, v := range p.Params {
		run.Spec.Params = append(run.Spec.Params, tektonv1.Param{Name: v.Name, Value: *tektonv1.NewStructuredValues(v.Default)})
	}
	for _, steps := range [][]plan.Step{p.Steps, p.Finally} {
		for i := range steps {
			spec, err := taskRunSpec(&steps[i])
			if err != nil {
				return nil, fmt.Errorf("step %s: %w", steps[i].Name, err)
			}
			run.Spec.TaskRunSpecs = append(run.Spec.TaskRunSpecs, spec)
		}
	}
	return run, nil
}

// noFinally is what is reserved for steps that always run where there are none:
// Tekton takes zero for no limit at all.
const noFinally = time.Minute

// podRestart is reserved for starting a step that always runs again, when its pod was
// lost.
const podRestart = 5 * time.Minute

// timeouts are all finite and given: without them Tekton ends every run after an
// hour, and one that is out of time would have none left to clean up. The time of
// the tasks includes that of waiting for older runs.
func timeouts(p *plan.Pipeline) *tektonv1.TimeoutFields {
	finally := noFinally
	for i := range p.Finally {
		finally = max(finally, podTime(p, &p.Finally[i])+podRestart)
	}
	tasks := p.Timeout + QueueLimit(p)
	return &tektonv1.TimeoutFields{
		Pipeline: &metav1.Duration{Duration: tasks + finally},
		Tasks:    &metav1.Duration{Duration: tasks},
		Finally:  &metav1.Duration{Duration: finally},
	}
}

// taskRunSpec is what a Task has no field for.
func taskRunSpec(s *plan.Step) (tektonv1.PipelineTaskRunSpec, error) {
	security, err := podspec.PodSecurity(s.Pod)
	if err != nil {
		return tektonv1.PipelineTaskRunSpec{}, err
	}
	if isRoot(security) {
		security.RunAsUser, security.RunAsGroup = nil, nil
	}
	t := &pod.PodTemplate{
		SecurityContext: security,
		NodeSelector:    s.Pod.NodeSelector,
		Tolerations:     s.Pod.Tolerations,
		Affinity:        s.Pod.Affinity,
	}
	if name := s.Pod.PriorityClassName; name != "" {
		t.PriorityClassName = &name
	}
	return tektonv1.PipelineTaskRunSpec{
		PipelineTaskName: s.Name, ServiceAccountName: s.Account, PodTemplate: t,
	}, nil
}
