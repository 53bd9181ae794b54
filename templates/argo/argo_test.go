package argo

import (
	"context"
	"flag"
	"os"
	"testing"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	"github.com/argoproj/argo-workflows/v3/workflow/templateresolution"
	"github.com/argoproj/argo-workflows/v3/workflow/validate"
	"github.com/stretchr/testify/assert"

	"github.com/backube/scribe-gen/templates/enginetest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestGolden(t *testing.T) { enginetest.Golden(t, Engine{}, *update, accept) }

// accept decodes every document strictly into its upstream type and runs Argo's
// own validators, so that a mistake that was made golden does not hide.
func accept(t *testing.T, stream string) {
	t.Helper()
	own := enginetest.Kinds{
		"WorkflowTemplate": func() any { return &wfv1.WorkflowTemplate{} },
		"CronWorkflow":     func() any { return &wfv1.CronWorkflow{} },
	}
	templates := getter{}
	var crons []*wfv1.CronWorkflow
	for _, document := range enginetest.Documents(stream) {
		kind, object := enginetest.Decode(t, document, own)
		switch o := object.(type) {
		case *wfv1.WorkflowTemplate:
			templates[o.Name] = o
		case *wfv1.CronWorkflow:
			crons = append(crons, o)
		}
		for _, noise := range []string{"status:", "creationTimestamp", "inputs: {}", "outputs: {}", "metadata: {}", "resources: {}", "arguments: {}", "null"} {
			assert.NotContains(t, document, noise, kind)
		}
	}
	clusterTemplates := &templateresolution.NullClusterWorkflowTemplateGetter{}
	for _, w := range templates {
		assert.NoError(t, validate.ValidateWorkflowTemplate(templates, clusterTemplates, w, nil, validate.ValidateOpts{Lint: true}))
	}
	for _, c := range crons {
		assert.NoError(t, validate.ValidateCronWorkflow(context.Background(), templates, clusterTemplates, c, nil))
	}
}

// getter finds templates by name, as the API server does.
type getter map[string]*wfv1.WorkflowTemplate

func (g getter) Get(name string) (*wfv1.WorkflowTemplate, error) {
	if w, ok := g[name]; ok {
		return w, nil
	}
	return nil, os.ErrNotExist
}
