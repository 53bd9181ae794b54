//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/backube/scribe-gen/generator/spec"
	"github.com/backube/scribe-gen/steps/contract"
	argoruns "github.com/backube/scribe-gen/templates/argo/runs"
	"github.com/backube/scribe-gen/templates/remote"
	tektonruns "github.com/backube/scribe-gen/templates/tekton/runs"
	"github.com/backube/scribe-gen/test/cluster/boot"
)

// engine is what scenarios know of an engine beyond [remote.Engine]: the names of
// its things, and what people tell it by kubectl.
type engine struct {
	name spec.Engine
	// runs is the project's own client of it in a namespace.
	runs func(config *rest.Config, namespace string) (remote.Engine, error)
	// api is the API group and version, resources what it must serve.
	api       string
	resources []string
	// install says what to install when it is missing.
	install string
	// controller is its program in the test cluster.
	controller string
	// runKind is the kind of a run's object, scheduleKind of what starts runs.
	runKind, scheduleKind string
	// bundleKinds are the kinds of objects that are in bundles of this engine only.
	bundleKinds string
	// runLabel is the label of pods that has the ID of their run.
	runLabel string
	// container is the name of a step's container in its pod.
	container func(step string) string
	// keepsPods is set when pods of runs stay when they have ended.
	keepsPods bool
	// terminate is the patch that ends a run at once: what must run finally does not.
	terminate string
	// byHand is the shell command with which people start a run of PIPELINE who do not
	// have scribe-gen; it prints the name of what it made.
	byHand string
}

// engines are all that bundles are compiled for.
var engines = map[spec.Engine]*engine{
	spec.EngineArgo: {
		name: spec.EngineArgo, runs: argoruns.New,
		api: "argoproj.io/v1alpha1", resources: []string{"workflows", "workflowtemplates", "cronworkflows"},
		install:    "install Argo Workflows, its controller for all namespaces",
		controller: boot.WorkflowController,
		runKind:    "workflows.argoproj.io", scheduleKind: "cronworkflows.argoproj.io",
		bundleKinds: "workflowtemplates.argoproj.io,cronworkflows.argoproj.io",
		runLabel:    contract.LabelRun,
		container:   func(string) string { return "main" },
		terminate:   `{"spec":{"shutdown":"Terminate"}}`,
		byHand: `echo '{"apiVersion":"argoproj.io/v1alpha1","kind":"Workflow","metadata":{"generateName":"PIPELINE-"},
			"spec":{"workflowTemplateRef":{"name":"PIPELINE"}}}' | kubectl create -o name -f -`,
	},
	spec.EngineTekton: {
		name: spec.EngineTekton, runs: tektonruns.New,
		api: "tekton.dev/v1", resources: []string{"pipelineruns", "taskruns", "pipelines", "tasks"},
		install:    "install Tekton Pipelines",
		controller: boot.TektonController,
		runKind:    "pipelineruns.tekton.dev", scheduleKind: "cronjobs.batch",
		bundleKinds: "tasks.tekton.dev,pipelines.tekton.dev,cronjobs.batch",
		runLabel:    "tekton.dev/pipelineRunUID",
		container:   func(step string) string { return "step-" + step },
		keepsPods:   true,
		terminate:   `{"spec":{"status":"Cancelled"}}`,
		byHand:      `kubectl get configmap PIPELINE-run -o jsonpath='{.data.run\.yaml}' | kubectl create -o name -f -`,
	},
}

// pair is the engine of the source's site and that of the replica's.
type pair struct{ source, replica spec.Engine }

func (p pair) String() string {
	if p.source == p.replica {
		return string(p.source)
	}
	return fmt.Sprintf("%s-%s", p.source, p.replica)
}

// choice is what a scenario can run on.
type choice struct {
	pairs []pair
	// oneSite is set for what one engine does by itself: pairing it with the other
	// shows nothing new.
	oneSite bool
}

// The pairs of equal and of different engines.
var (
	argoAlone   = pair{spec.EngineArgo, spec.EngineArgo}
	tektonAlone = pair{spec.EngineTekton, spec.EngineTekton}
	different   = []pair{{spec.EngineArgo, spec.EngineTekton}, {spec.EngineTekton, spec.EngineArgo}}
)

// What scenarios can run on.
var (
	onArgo   = choice{pairs: []pair{argoAlone}, oneSite: true}
	onTekton = choice{pairs: []pair{tektonAlone}, oneSite: true}
	// onEach is for what two sites do and each engine has a part in, onMixed for what
	// is so much between the two that pairs of different engines always run it.
	onEach  = choice{pairs: []pair{argoAlone, tektonAlone}}
	onMixed = choice{pairs: append([]pair{argoAlone, tektonAlone}, different...)}
	onOne   = choice{pairs: []pair{argoAlone, tektonAlone}, oneSite: true}
)

// chosenVariable says which engines the scenarios run on: argo, tekton, all, which is
// the default and pairs different ones where they meet, or mixed, which pairs them in
// every scenario that has two sites.
const chosenVariable = "SCRIBE_E2E_ENGINE"

// mixed is the choice of pairs of different engines.
const mixed = "mixed"

// chosen are the engines of the environment, and whether only different ones are
// paired.
func chosen() (names []spec.Engine, pairDifferent bool, err error) {
	all := slices.Sorted(maps.Keys(engines))
	name := os.Getenv(chosenVariable)
	switch {
	case name == "" || name == "all":
		return all, false, nil
	case name == mixed:
		return all, true, nil
	case slices.Contains(all, spec.Engine(name)):
		return []spec.Engine{spec.Engine(name)}, false, nil
	}
	return nil, false, fmt.Errorf("%s=%s: want one of %v, all, or %s", chosenVariable, name, all, mixed)
}

// pairs are those of a scenario that were chosen.
func (l *lab) pairs(on choice) []pair {
	switch {
	case l.mixed && (on.oneSite || len(on.pairs) < len(engines)):
		return nil
	case l.mixed:
		return different
	}
	return slices.DeleteFunc(slices.Clone(on.pairs), func(p pair) bool {
		return !slices.Contains(l.engines, p.source) || !slices.Contains(l.engines, p.replica)
	})
}

// side is one end of a replication: a namespace and its engine there.
type side struct {
	*engine
	namespace string
	client    remote.Engine
}

// run is a run of a pipeline, as it was seen last.
type run struct {
	remote.Run
	at *side
}

// String describes what became of a run's steps.
func (r *run) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s/%s %s %s", r.at.namespace, r.Name, r.Phase, r.Message)
	for _, s := range r.Steps {
		fmt.Fprintf(&b, "\n  %s %s after %d attempts, exit code %d: %s", s.Name, s.Phase, s.Attempts, s.Exit, s.Message)
	}
	return b.String()
}

// runLimit is how long a run may take.
const runLimit = 8 * time.Minute

// follow follows a run to its end, whatever it is.
func (r *run) follow(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, runLimit, fmt.Errorf("run %s did not end within %s", r.Name, runLimit))
	defer cancel()
	_, err := r.at.client.Follow(ctx, r.Name, func(error) {}, func(now remote.Run) { r.Run = now })
	return err
}

// step is one step of a run, which must have begun.
func (r *run) step(t *testing.T, name string) remote.Step {
	t.Helper()
	i := slices.IndexFunc(r.Steps, func(s remote.Step) bool { return s.Name == name })
	if i < 0 {
		t.Fatalf("step %s did not begin: %s", name, r)
	}
	return r.Steps[i]
}

// outcome is the last word of a step of a run.
func (r *run) outcome(t *testing.T, step string) *contract.Outcome {
	t.Helper()
	outcome := r.step(t, step).Outcome
	if outcome == nil {
		t.Fatalf("the last word of step %s is not known: %s", step, r)
	}
	return outcome
}

// method is the copy method by which a run read its source.
func (r *run) method(t *testing.T) string {
	t.Helper()
	return r.outcome(t, "snapshot").Method
}
