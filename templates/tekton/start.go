package tekton

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/backube/scribe-gen/generator/manifest"
	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/templates/internal/common"
)

// startsRuns is what an account needs where it starts runs.
var startsRuns = plan.Rule{
	Group: "tekton.dev", Resources: []string{"pipelineruns"},
	Verbs:  []string{"list", "watch", "create", "delete"},
	Reason: "start runs, see those that are active, remove old ones",
}

// withStarts returns the pipeline with its starts as steps and no others: what starts a
// run of another Pipeline is a Task as any other.
func (r relationship) withStarts(p *plan.Pipeline) *plan.Pipeline {
	whole := *p
	whole.Steps, whole.Starts = slices.Clone(p.Steps), nil
	for _, s := range p.Starts {
		step := common.StartStep(p, s)
		step.Command = &contract.TektonStart{
			Common:    contract.Common{Replication: r.Plan.Replication, Relationship: r.Name, Run: plan.Run},
			Namespace: s.Namespace,
			Skeleton:  plan.MountPath(skeletonMount) + "/" + startKey,
			Keep:      history,
		}
		step.Mounts = []plan.Mount{{
			Name: skeletonMount, Kind: plan.MountText, Source: startedName(p.Name, s.Name), Path: skeletonPath, ReadOnly: true,
		}}
		whole.Steps = append(whole.Steps, step)
	}
	return &whole
}

// startedSkeletons are the skeletons of the runs that a pipeline starts. What starts a
// run has no right to read them where that runs, nor has it a ConfigMap of another
// namespace to mount.
func (r relationship) startedSkeletons(p *plan.Pipeline) ([]manifest.Object, error) {
	var objects []manifest.Object
	for _, s := range p.Starts {
		other, started, err := r.Started(s)
		if err != nil {
			return nil, err
		}
		text, err := relationship{other}.skeletonText(started)
		if err != nil {
			return nil, fmt.Errorf("start %s: %w", s.Name, err)
		}
		objects = append(objects, &corev1.ConfigMap{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
			ObjectMeta: r.OfRole(startedName(p.Name, s.Name), p.Role),
			Data:       map[string]string{startKey: text},
		})
	}
	return objects, nil
}
