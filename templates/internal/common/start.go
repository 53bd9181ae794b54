package common

import (
	"fmt"
	"slices"
	"time"

	"github.com/backube/scribe-gen/generator/plan"
)

// startLimit is how long one attempt of a start may take, pending time included. It
// creates one object, and waits for nothing.
const startLimit = 10 * time.Minute

// StartStep is a start as a step of the pipeline that does it: after all others, so
// that a failure is the run's but undoes nothing, and beside the other starts, so
// that it keeps none of them from happening. It is placed and tried again like the
// pipeline's first step, which only talks to the API server, too. What it runs, the
// engine says.
func StartStep(p *plan.Pipeline, s plan.Start) plan.Step {
	first := p.Steps[0]
	return plan.Step{
		Name: s.Name, Needs: last(p.Steps), Account: s.Account, Pod: first.Pod,
		Retry: first.Retry, Timeout: min(first.Timeout, startLimit),
	}
}

// last are the steps that no other needs: when they have succeeded, all have.
func last(steps []plan.Step) []string {
	var names []string
	for _, s := range steps {
		needs := func(other plan.Step) bool { return slices.Contains(other.Needs, s.Name) }
		if !slices.ContainsFunc(steps, needs) {
			names = append(names, s.Name)
		}
	}
	return names
}

// Started finds what a start starts: a pipeline, in its relationship as the other
// site sees it.
func (r Relationship) Started(s plan.Start) (Relationship, *plan.Pipeline, error) {
	for _, site := range r.Plan.Sites {
		for _, other := range site.Relationships {
			for i := range other.Pipelines {
				p := &other.Pipelines[i]
				if site.Namespace == s.Namespace && other.Name == s.Relationship && p.Name == s.Pipeline {
					return Relationship{Relationship: other, Plan: r.Plan, Namespace: site.Namespace}, p, nil
				}
			}
		}
	}
	return Relationship{}, nil, fmt.Errorf("start %s: the plan has no pipeline %s of relationship %s in namespace %s", s.Name, s.Pipeline, s.Relationship, s.Namespace)
}
