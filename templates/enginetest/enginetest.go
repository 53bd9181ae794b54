package enginetest

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/backube/scribe-gen/generator"
	"github.com/backube/scribe-gen/generator/manifest"
	"github.com/backube/scribe-gen/generator/plan"
)

// Run checks that the engine shows every feature of a plan.
func Run(t *testing.T, e generator.Engine, inspect Inspector) {
	c := conformance{engine: e, inspect: inspect, plan: sample(e.Name())}
	require.NoError(t, plan.Check(c.plan))
	c.objects = c.compile(t)
	var err error
	c.pipelines, err = inspect.Pipelines(c.objects)
	require.NoError(t, err)

	for _, f := range features {
		t.Run(f.name, func(t *testing.T) { f.check(&c, t) })
	}
}

// features are what a plan can ask for, and how it is checked.
var features = []struct {
	name  string
	check func(*conformance, *testing.T)
}{
	{"every step once", (*conformance).everyStepOnce},
	{"order", (*conformance).order},
	{"arguments", (*conformance).arguments},
	{"outputs", (*conformance).outputs},
	{"parameters", (*conformance).parameters},
	{"mounts", (*conformance).mounts},
	{"only what is mounted", (*conformance).onlyWhatIsMounted},
	{"secrets are files", (*conformance).secretsAreFiles},
	{"retry", (*conformance).retry},
	{"permanent failures are not retried", (*conformance).noRetry},
	{"timeouts", (*conformance).timeouts},
	{"schedule", (*conformance).schedule},
	{"exclusive", (*conformance).exclusive},
	{"starts", (*conformance).starts},
	{"security", (*conformance).security},
	{"placement", (*conformance).placement},
	{"listener", (*conformance).listener},
	{"access", (*conformance).access},
	{"claims", (*conformance).claims},
	{"texts", (*conformance).texts},
	{"names and labels", (*conformance).namesAndLabels},
	{"unsupported", (*conformance).unsupported},
	{"deterministic", (*conformance).deterministic},
}

// Features returns the names of what every engine must show.
func Features() []string {
	names := make([]string, len(features))
	for i, f := range features {
		names[i] = f.name
	}
	return names
}

type conformance struct {
	engine    generator.Engine
	inspect   Inspector
	plan      *plan.Plan
	objects   []manifest.Object
	pipelines map[string]Pipeline
}

func (c *conformance) compile(t *testing.T) []manifest.Object {
	t.Helper()
	return c.compileAt(t, 0)
}

// compileAt compiles the bundle of one of the plan's sites.
func (c *conformance) compileAt(t *testing.T, site int) []manifest.Object {
	t.Helper()
	objects, err := c.engine.Objects(c.plan, c.plan.Sites[site])
	require.NoError(t, err)
	return objects
}

func (c *conformance) relationship() *plan.Relationship {
	return &c.plan.Sites[0].Relationships[0]
}

// eachPipeline visits the plan's pipelines beside the engine's.
func (c *conformance) eachPipeline(t *testing.T, visit func(*testing.T, *plan.Pipeline, Pipeline)) {
	for i := range c.relationship().Pipelines {
		p := &c.relationship().Pipelines[i]
		t.Run(p.Name, func(t *testing.T) {
			require.Contains(t, c.pipelines, p.Name)
			visit(t, p, c.pipelines[p.Name])
		})
	}
}

// eachStep visits the plan's steps beside the engine's.
func (c *conformance) eachStep(t *testing.T, visit func(*testing.T, *plan.Step, Step)) {
	c.eachPipeline(t, func(t *testing.T, p *plan.Pipeline, got Pipeline) {
		for _, pair := range []struct {
			want []plan.Step
			got  []Step
		}{{p.Steps, got.Steps}, {p.Finally, got.Finally}} {
			for i := range pair.want {
				want := &pair.want[i]
				for _, s := range pair.got {
					if s.Name == want.Name {
						t.Run(s.Name, func(t *testing.T) { visit(t, want, s) })
					}
				}
			}
		}
	})
}

func (c *conformance) namesAndLabels(t *testing.T) {
	seen := map[string]bool{}
	for _, o := range c.objects {
		kind := o.GetObjectKind().GroupVersionKind().Kind
		id := kind + " " + o.GetNamespace() + "/" + o.GetName()
		assert.NotEmpty(t, kind, "%T", o)
		assert.False(t, seen[id], "%s is there twice", id)
		seen[id] = true
		assert.LessOrEqual(t, len(o.GetName()), validation.DNS1123SubdomainMaxLength, id)
		if o.GetNamespace() != "" {
			assert.Equal(t, c.plan.Sites[0].Namespace, o.GetNamespace(), id)
			assert.Empty(t, validation.IsDNS1123Subdomain(o.GetName()), id)
		}
		for k, v := range c.plan.Labels {
			assert.Equal(t, v, o.GetLabels()[k], id)
		}
		for k, v := range c.plan.Annotations {
			assert.Equal(t, v, o.GetAnnotations()[k], id)
		}
		for k, v := range o.GetLabels() {
			assert.Empty(t, validation.IsValidLabelValue(v), "%s: label %s", id, k)
		}
	}
}

// What an engine cannot express it must refuse.
func (c *conformance) unsupported(t *testing.T) {
	p := sample(c.engine.Name())
	p.Sites[0].Relationships[0].Pipelines[0].Steps[1].Mounts[0].Kind = "wormhole"
	_, err := c.engine.Objects(p, p.Sites[0])
	var unsupported *plan.UnsupportedError
	assert.ErrorAs(t, err, &unsupported)
}

func (c *conformance) deterministic(t *testing.T) {
	print := func(v any) string {
		data, err := json.Marshal(v)
		require.NoError(t, err)
		return string(data)
	}
	before, first := print(c.plan), print(c.compile(t))
	for range 10 {
		require.Equal(t, first, print(c.compile(t)))
	}
	assert.Equal(t, before, print(c.plan), "the plan was modified")
}
