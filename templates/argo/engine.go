// Package argo turns plans into the objects of Argo Workflows 3.6 and later: a
// WorkflowTemplate for each pipeline, a thin CronWorkflow for each schedule, and
// what their pods need. All that concerns pods is in the templates themselves and
// nothing in the workflow's spec, so that each template also works when a
// workflow of someone else refers to it.
package argo

import (
	"errors"
	"fmt"

	"github.com/backube/scribe-gen/generator/manifest"
	"github.com/backube/scribe-gen/generator/plan"
)

// Engine is Argo Workflows. It implements generator.Engine.
type Engine struct{}

// Name is "argo".
func (Engine) Name() string { return "argo" }

// Objects returns what the site needs. They have passed the package's own lint,
// which looks for what Argo's validators let pass and pods then fail of.
func (Engine) Objects(p *plan.Plan, site plan.Site) ([]manifest.Object, error) {
	var objects []manifest.Object
	var errs []error
	for _, r := range site.Relationships {
		made, err := relationship{plan: p, namespace: site.Namespace, Relationship: r}.objects()
		if err != nil {
			errs = append(errs, fmt.Errorf("site %s: relationship %s: %w", site.Name, r.Name, err))
		}
		objects = append(objects, made...)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	if err := lint(objects, foreignAccounts(site)); err != nil {
		return nil, fmt.Errorf("site %s: %w", site.Name, err)
	}
	return objects, nil
}

// relationship is one relationship at one site, with what its objects need to
// know of the rest.
type relationship struct {
	plan.Relationship
	plan      *plan.Plan
	namespace string
}

func (r relationship) objects() ([]manifest.Object, error) {
	objects := r.access()
	objects = append(objects, r.configMaps()...)
	objects = append(objects, r.claims()...)
	objects = append(objects, r.network()...)
	for i := range r.Pipelines {
		p := &r.Pipelines[i]
		template, err := r.workflowTemplate(p)
		if err != nil {
			return nil, fmt.Errorf("pipeline %s: %w", p.Name, err)
		}
		objects = append(objects, template)
		if p.Schedule != nil {
			objects = append(objects, r.cronWorkflow(p))
		}
	}
	return objects, nil
}

// foreignAccounts are the accounts that the user named and the bundle does not
// make.
func foreignAccounts(site plan.Site) map[string]bool {
	names := map[string]bool{}
	for _, r := range site.Relationships {
		for _, a := range r.Accounts {
			if !a.Create {
				names[a.Name] = true
			}
		}
	}
	return names
}
