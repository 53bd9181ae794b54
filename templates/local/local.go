// Package local runs a plan's pipelines as processes of this host. The site is a
// directory ([contract.Layout]); the steps are the same binaries with the same
// arguments as in a cluster, and source and destination talk over real SSH.
//
// It is the embedded engine for trying the tool, for data tests, and for hosts
// outside Kubernetes. It runs one run at a time and then ends: schedules belong
// to a real engine or to the host's timer. It knows nothing of specs, and nothing
// of how its progress is shown.
package local

import (
	"context"
	"slices"
	"time"

	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/steps/contract"
)

// Name is the engine's name in specs and plans.
const Name = "local"

// Options are what the engine needs from this host.
type Options struct {
	// Steps is the directory of the step binaries: snapshot, rsync, promote.
	Steps string
	// Reporter hears what happens while runs are under way; nil for nobody.
	Reporter Reporter
	// Grace is how long a step may take to end after SIGTERM before its process
	// group gets SIGKILL. Default 10 s.
	Grace time.Duration
}

// Engine runs pipelines. It may be used by several goroutines.
type Engine struct {
	opts Options
	// hard ends when Kill is called; what runs then is killed at once.
	hard context.Context
	kill context.CancelFunc
}

// New returns an engine.
func New(opts Options) *Engine {
	if opts.Reporter == nil {
		opts.Reporter = silent{}
	}
	if opts.Grace == 0 {
		opts.Grace = 10 * time.Second
	}
	hard, kill := context.WithCancel(context.Background())
	return &Engine{opts: opts, hard: hard, kill: kill}
}

// Kill ends every process of the engine with SIGKILL and starts none any more,
// not even those that clean up. The next run removes what stays behind.
func (e *Engine) Kill() { e.kill() }

// Part is one pipeline of a relationship at one local site.
type Part struct {
	Site         plan.Site
	Relationship plan.Relationship
	Pipeline     plan.Pipeline
}

// Layout is where the part's site keeps its things.
func (p Part) Layout() contract.Layout { return contract.Layout{Directory: p.Site.Directory} }

// Parts returns the pipelines of a relationship with one of the roles at the
// plan's local sites, destinations first, as that is the order in which a person
// would start them.
func Parts(p *plan.Plan, relationship string, roles ...string) []Part {
	var parts []Part
	for _, role := range []string{contract.RoleDestination, contract.RoleSource, contract.RolePromote} {
		for _, site := range p.Sites {
			if site.Engine == Name && slices.Contains(roles, role) {
				parts = append(parts, partsAt(site, relationship, role)...)
			}
		}
	}
	return parts
}

func partsAt(site plan.Site, relationship, role string) []Part {
	var parts []Part
	for _, rel := range site.Relationships {
		if rel.Name != relationship {
			continue
		}
		for _, pipeline := range rel.Pipelines {
			if pipeline.Role == role {
				parts = append(parts, Part{Site: site, Relationship: rel, Pipeline: pipeline})
			}
		}
	}
	return parts
}

// Request is one run of a relationship.
type Request struct {
	// Run is the run ID.
	Run string
	// Params are values of the pipelines' parameters; those that are absent have
	// their default.
	Params map[string]string
	// Parts are the pipelines, which run concurrently. When the listener and the
	// push that connects to it are both among them, they meet on a free port of
	// the loopback interface.
	Parts []Part
	// Timeout replaces the pipelines' own timeouts; 0 for those.
	Timeout time.Duration
	// Verify, if not nil, is called after the last step of the source, or of what
	// pulls from an object store, and before anything is cleaned up. Its error fails
	// the run.
	Verify func(context.Context, Trees) error
}

// Trees are what a run has read and what it has published.
type Trees struct {
	// Source is the point-in-time copy, or the live volume with copy method
	// Direct.
	Source string
	// Replica is the replica snapshot, or the replica itself where no snapshot is
	// cut.
	Replica string
	// Filters is the file of rsync filter rules that the source was read with;
	// empty for none.
	Filters string
	// Digest is that of the manifest that the replica was made from, where there is
	// no source to compare it with: Source is empty then.
	Digest string
}

// Report is what became of a run.
type Report struct {
	Run          string
	Relationship string
	Started      time.Time
	Duration     time.Duration
	// Steps are in the order in which they ended.
	Steps []StepReport
}

// StepReport is what became of a step.
type StepReport struct {
	Site, Role, Step string
	Attempts         int
	Duration         time.Duration
	// Outcome is the step's last word; the zero value when it left none.
	Outcome contract.Outcome
	// Err is nil when the step succeeded.
	Err error
}

// Outcome returns the outcome of the first step that runs the given program and
// verb, such as "rsync push".
func (r *Report) Outcome(step string) (contract.Outcome, bool) {
	for _, s := range r.Steps {
		if s.Outcome.Step == step {
			return s.Outcome, true
		}
	}
	return contract.Outcome{}, false
}
