package tekton

import (
	"context"
	"time"

	tektonv1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/backube/scribe-gen/generator/plan"
)

// pipeline orders the Tasks. Tekton stores it in each run, so that a change does
// not touch what is running.
func (r relationship) pipeline(p *plan.Pipeline) *tektonv1.Pipeline {
	made := &tektonv1.Pipeline{
		TypeMeta:   tektonType("Pipeline"),
		ObjectMeta: r.OfRole(p.Name, p.Role),
	}
	for _, v := range p.Params {
		made.Spec.Params = append(made.Spec.Params, tektonv1.ParamSpec{
			Name: v.Name, Type: tektonv1.ParamTypeString, Description: v.Description,
			Default: tektonv1.NewStructuredValues(v.Default),
		})
	}
	for i := range p.Steps {
		made.Spec.Tasks = append(made.Spec.Tasks, pipelineTask(p, &p.Steps[i]))
	}
	for i := range p.Finally {
		made.Spec.Finally = append(made.Spec.Finally, pipelineTask(p, &p.Finally[i]))
	}
	made.SetDefaults(context.Background())
	return made
}

// podTime is how long one pod of a step may take, in which the step makes all its
// attempts with the waits between them; not longer than a run.
func podTime(p *plan.Pipeline, s *plan.Step) time.Duration {
	total, wait := s.Timeout, s.Retry.Backoff
	for range s.Retry.Limit {
		if total >= p.Timeout {
			break
		}
		total += wait + s.Timeout
		wait = min(2*wait, s.Retry.MaxBackoff)
	}
	return max(s.Timeout, min(total, p.Timeout))
}

// pipelineTask is a step in its pipeline.
func pipelineTask(p *plan.Pipeline, s *plan.Step) tektonv1.PipelineTask {
	limit := podTime(p, s)
	if waitsForTurn(p, s) {
		limit += QueueLimit(p)
	}
	return tektonv1.PipelineTask{
		Name:     s.Name,
		TaskRef:  &tektonv1.TaskRef{Name: TaskName(p.Name, s.Name)},
		RunAfter: s.Needs,
		Params:   arguments(p, s),
		Retries:  min(lostPods, s.Retry.Limit),
		Timeout:  &metav1.Duration{Duration: limit},
	}
}
