// Package argo turns plans into the objects of Argo Workflows 3.6 and later: a
// WorkflowTemplate for each pipeline, a thin CronWorkflow for each schedule, and
// what their pods need. All that concerns pods is in the templates themselves and
// nothing in the workflow's spec, so that each template also works when a
// workflow of someone else refers to it.
package argo

import (
	"fmt"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/backube/scribe-gen/generator/manifest"
	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/templates/internal/common"
)

// Engine is Argo Workflows. It implements generator.Engine.
type Engine struct{}

// Name is "argo".
func (Engine) Name() string { return "argo" }

// Objects returns what the site needs. They have passed the package's own lint,
// which looks for what Argo's validators let pass and pods then fail of.
func (Engine) Objects(p *plan.Plan, site plan.Site) ([]manifest.Object, error) {
	objects := func(r common.Relationship) ([]manifest.Object, error) { return relationship{r}.objects() }
	return common.Compile(p, site, objects, lint)
}

// relationship is one relationship at one site.
type relationship struct{ common.Relationship }

func (r relationship) objects() ([]manifest.Object, error) {
	objects := r.Objects(rights)
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

// rights are what an account needs because of how Argo works: one that runs steps
// here, or one of another namespace that starts runs.
func rights(a plan.Account) []rbacv1.PolicyRule {
	if a.Namespace != "" {
		return plan.PolicyRules([]plan.Rule{startsRuns})
	}
	return plan.PolicyRules([]plan.Rule{taskResults})
}

// taskResults is what Argo itself needs of every account: its executor reports a
// step's outputs, progress and end under it. Without it a step that succeeded
// hangs until the controller gives up.
var taskResults = plan.Rule{
	Group: "argoproj.io", Resources: []string{"workflowtaskresults"}, Verbs: []string{"create", "patch"},
	Reason: "report outputs, progress and end of the step to Argo",
}
