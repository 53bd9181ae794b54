// Package tekton turns plans into the objects of Tekton Pipelines 1.x: a Task for
// each step, a Pipeline for each pipeline, a ConfigMap with the skeleton of its
// runs, and, as Tekton has no schedules, a CronJob that starts them. All of it can
// be in Git; the runs themselves cannot, as they never change once they are made.
//
// Three things work otherwise than in engines that were made for it. Tekton tries a
// failed Task again at once and whatever its exit code, so steps make their attempts
// themselves, in one pod, and a pod that is started again in vain ends at once. It
// has no locks, so the first step of a run waits for its turn. And it leaves
// finished pods, which hold their volumes, so steps that remove volumes remove
// those pods, too.
package tekton

import (
	"fmt"

	"github.com/backube/scribe-gen/generator/manifest"
	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/templates/internal/common"
)

// Name is the engine's name in specs.
const Name = "tekton"

// Engine is Tekton Pipelines. It implements generator.Engine.
type Engine struct{}

// Name is "tekton".
func (Engine) Name() string { return Name }

// Objects returns what the site needs, with every field that Tekton's admission
// webhook would fill in. They have passed Tekton's own validation and the package's
// lint, which looks at what no single object shows.
func (Engine) Objects(p *plan.Plan, site plan.Site) ([]manifest.Object, error) {
	objects := func(r common.Relationship) ([]manifest.Object, error) { return relationship{r}.objects() }
	return common.Compile(p, site, objects, lint)
}

// relationship is one relationship at one site.
type relationship struct{ common.Relationship }

func (r relationship) objects() ([]manifest.Object, error) {
	objects := r.Objects(r.rights)
	for i := range r.Pipelines {
		p := &r.Pipelines[i]
		made, err := r.pipelineObjects(p)
		if err != nil {
			return nil, fmt.Errorf("pipeline %s: %w", p.Name, err)
		}
		objects = append(objects, made...)
	}
	return objects, nil
}

// pipelineObjects are a pipeline with its Tasks, the skeletons of its runs and of those
// that it starts, and what starts its own.
func (r relationship) pipelineObjects(p *plan.Pipeline) ([]manifest.Object, error) {
	objects, err := r.startedSkeletons(p)
	if err != nil {
		return nil, err
	}
	p = r.withStarts(p)
	for _, steps := range [][]plan.Step{p.Steps, p.Finally} {
		for i := range steps {
			task, err := r.task(p, &steps[i])
			if err != nil {
				return nil, fmt.Errorf("step %s: %w", steps[i].Name, err)
			}
			objects = append(objects, task)
		}
	}
	skeleton, err := r.skeleton(p)
	if err != nil {
		return nil, err
	}
	objects = append(objects, r.pipeline(p), skeleton)
	if p.Schedule == nil {
		return objects, nil
	}
	starters, err := r.starters(p)
	return append(objects, starters...), err
}
