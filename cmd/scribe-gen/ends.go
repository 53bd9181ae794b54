package main

import (
	"fmt"
	"slices"

	"k8s.io/client-go/rest"

	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/generator/spec"
	"github.com/backube/scribe-gen/steps/contract"
	argoruns "github.com/backube/scribe-gen/templates/argo/runs"
	"github.com/backube/scribe-gen/templates/local"
	"github.com/backube/scribe-gen/templates/remote"
	tektonruns "github.com/backube/scribe-gen/templates/tekton/runs"
)

// runners are the engines whose pipelines can be run and watched from here, by
// their name in specs: all but the local one, which needs no way to get there.
var runners = map[string]func(*rest.Config, string) (remote.Engine, error){
	string(spec.EngineArgo):   argoruns.New,
	string(spec.EngineTekton): tektonruns.New,
}

// end is one pipeline of a relationship at one site.
type end struct {
	local.Part
	replication string
	// spec is the site as the user wrote it.
	spec spec.Site
	// session leads to a Kubernetes site; nil for a local one.
	session *remote.Session
}

func (e end) isLocal() bool { return e.Site.Engine == local.Name }

// where is the site in messages.
func (e end) where() string {
	if e.isLocal() {
		return fmt.Sprintf("site %s, directory %s", e.Site.Name, e.Site.Directory)
	}
	return fmt.Sprintf("site %s, namespace %s of context %s", e.Site.Name, e.session.Namespace, e.session.Context)
}

// allLocal reports whether nothing of the target needs a cluster: what takes part
// at the site, or at any when site is empty.
func (t target) allLocal(site string) bool {
	return !slices.ContainsFunc(t.plan.Sites, func(s plan.Site) bool {
		takesPart := slices.ContainsFunc(s.Relationships, func(r plan.Relationship) bool { return r.Name == t.relationship })
		return takesPart && s.Engine != local.Name && (site == "" || s.Name == site)
	})
}

// ends returns the target's pipelines with one of the roles, at the given site or
// at all, destinations first: in that order a person would start them. Sessions
// are not open yet.
func (t target) ends(site string, roles ...string) ([]end, error) {
	var ends []end
	for _, role := range []string{contract.RoleDestination, contract.RoleSource, contract.RolePromote} {
		for _, s := range t.plan.Sites {
			if slices.Contains(roles, role) && (site == "" || s.Name == site) {
				ends = append(ends, t.endsAt(s, role)...)
			}
		}
	}
	if len(ends) == 0 && site != "" {
		return nil, usageErrorf("site %q takes no part in relationship %s", site, t.relationship)
	}
	return ends, nil
}

func (t target) endsAt(s plan.Site, role string) (ends []end) {
	for _, r := range s.Relationships {
		for _, p := range r.Pipelines {
			if r.Name == t.relationship && p.Role == role {
				ends = append(ends, end{
					Part:        local.Part{Site: s, Relationship: r, Pipeline: p},
					replication: t.plan.Replication,
					spec:        t.document.Replication.Spec.Sites[s.Name],
				})
			}
		}
	}
	return ends
}

// session opens the way to the end's site, when that is in a cluster.
func (s *selection) session(io streams, e *end) error {
	if e.isLocal() || e.session != nil {
		return nil
	}
	open := s.open
	if open == nil {
		open = remote.Open
	}
	var err error
	e.session, err = open(remote.Access{
		Site: e.Site.Name, Namespace: e.Site.Namespace, Context: e.spec.Context, Kubeconfig: s.kubeconfig,
		Warnings: rest.NewWarningWriter(io.err, rest.WarningWriterOptions{Deduplicate: true}), Engine: runners[e.Site.Engine],
	})
	return err
}

// reach returns the target's ends with their sessions.
func (s *selection) reach(io streams, t target, site string, roles ...string) ([]end, error) {
	ends, err := t.ends(site, roles...)
	if err != nil {
		return nil, err
	}
	for i := range ends {
		if err := s.session(io, &ends[i]); err != nil {
			return nil, err
		}
	}
	return ends, nil
}

// endOf returns the end with a role; nil when it is not among them.
func endOf(ends []end, role string) *end {
	for i := range ends {
		if ends[i].Pipeline.Role == role {
			return &ends[i]
		}
	}
	return nil
}

// stepOf returns the first step of the pipeline with such a command.
func stepOf[C contract.Command](p plan.Pipeline) (plan.Step, C, bool) {
	for _, step := range p.Steps {
		if c, ok := step.Command.(C); ok {
			return step, c, true
		}
	}
	var none C
	return plan.Step{}, none, false
}
