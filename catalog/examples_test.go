package catalog

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	tektonv1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"

	"github.com/backube/scribe-gen/generator/manifest"
	"github.com/backube/scribe-gen/generator/plan"
)

// examples are those that are made of blocks.
var examples = []string{"refresh-staging", "snapshot-before-upgrade", "migrate-storage-class"}

// The engines accept the examples, and the blocks have the parameters that they give.
func TestExamplesFit(t *testing.T) {
	blocks, err := Blocks()
	require.NoError(t, err)
	known, tasks := templates{}, map[string]*tektonv1.Task{}
	for _, b := range blocks {
		known[b.Package()], err = b.WorkflowTemplate()
		require.NoError(t, err)
		tasks[b.Package()], err = b.Task()
		require.NoError(t, err)
	}
	for _, name := range examples {
		t.Run(name, func(t *testing.T) {
			// Templates before what refers to them.
			for _, file := range []string{"pipeline.yaml", "workflow.yaml", "run.yaml", "rbac.yaml", "sample.yaml", "claim.yaml"} {
				text, err := os.ReadFile(filepath.Join("../examples", name, file))
				if os.IsNotExist(err) {
					continue
				}
				require.NoError(t, err)
				for _, image := range imageLine.FindAllStringSubmatch(string(text), -1) {
					assert.Equal(t, plan.Image, image[1], "%s of %s", file, name)
				}
				for _, o := range decode(t, file, text) {
					accept(t, known, o)
					fits(t, tasks, o)
				}
			}
		})
	}
}

var imageLine = regexp.MustCompile(`(?m)image: (.*)$`)

// fits checks what Tekton looks at only when a pipeline runs, and that the runs say
// who runs each task.
func fits(t *testing.T, tasks map[string]*tektonv1.Task, o manifest.Object) {
	t.Helper()
	p, ok := o.(*tektonv1.Pipeline)
	if !ok {
		return
	}
	for _, pt := range append(p.Spec.Tasks, p.Spec.Finally...) {
		task := tasks[pt.TaskRef.Name]
		require.NotNil(t, task, pt.TaskRef.Name)
		given := map[string]bool{}
		for _, param := range pt.Params {
			given[param.Name] = true
		}
		for _, param := range task.Spec.Params {
			assert.True(t, param.Default != nil || given[param.Name], "%s: %s is not given", pt.Name, param.Name)
			delete(given, param.Name)
		}
		assert.Empty(t, given, pt.Name)
		assert.NotNil(t, pt.Timeout, pt.Name)
	}
}

// What READMEs refer to exists, in this version.
func TestReferencesExist(t *testing.T) {
	pages, err := filepath.Glob("*/*/*/README.md")
	require.NoError(t, err)
	more, err := filepath.Glob("*/*/*/*/README.md")
	require.NoError(t, err)
	pages = append(append(pages, more...), "README.md")
	for _, name := range examples {
		pages = append(pages, filepath.Join("../examples", name, "README.md"))
	}
	require.Greater(t, len(pages), 16)
	for _, page := range pages {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, m := range reference.FindAllStringSubmatch(string(text), -1) {
			target := m[1] + m[2]
			if strings.Contains(target, "://") {
				continue
			}
			_, err := os.Stat(filepath.Join(filepath.Dir(page), target))
			assert.NoError(t, err, "%s refers to %s", page, target)
		}
	}
}

// reference is a link, or a file of a command.
var reference = regexp.MustCompile(`\]\(([^)#]+)\)|-f ([\w./-]+\.ya?ml)`)
