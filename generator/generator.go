// Package generator is the compiler: from what a user wrote to the objects that
// an engine runs, in one call. It reads no file, clock or cluster, so that the
// same spec gives the same bytes everywhere, and it knows no engine: those are
// passed in.
package generator

import (
	"errors"
	"fmt"

	"github.com/backube/scribe-gen/generator/manifest"
	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/generator/spec"
)

// Engine turns plans into the objects of one workflow engine.
type Engine interface {
	// Name is the engine's name in specs.
	Name() string
	// Objects returns what one site of the plan needs in its cluster, in any
	// order. What the engine cannot express is a *plan.UnsupportedError, never a
	// silent omission. It must not modify the plan.
	Objects(p *plan.Plan, site plan.Site) ([]manifest.Object, error)
}

// Compile returns a bundle for each site of a Kubernetes engine, in the order of
// the sites' names; local sites have none, as the plan itself is run there. The
// replication must be defaulted and validated. All problems are reported at once,
// and with any there are no bundles.
func Compile(r *spec.Replication, engines ...Engine) ([]manifest.Bundle, error) {
	p, err := plan.Build(r)
	if err != nil {
		return nil, fmt.Errorf("replication %s: %w", r.Metadata.Name, err)
	}
	if err := plan.Check(p); err != nil {
		return nil, fmt.Errorf("replication %s: %w", p.Replication, err)
	}
	var bundles []manifest.Bundle
	var errs []error
	for _, site := range p.Sites {
		if site.Engine == string(spec.EngineLocal) {
			continue
		}
		b, err := compileSite(p, site, engines)
		if err != nil {
			errs = append(errs, fmt.Errorf("replication %s: %w", p.Replication, err))
		}
		bundles = append(bundles, b)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return bundles, nil
}

func compileSite(p *plan.Plan, site plan.Site, engines []Engine) (manifest.Bundle, error) {
	for _, e := range engines {
		if e.Name() != site.Engine {
			continue
		}
		objects, err := e.Objects(p, site)
		if err != nil {
			return manifest.Bundle{}, err
		}
		return manifest.NewBundle(site.Name, p.Replication, objects)
	}
	return manifest.Bundle{}, &plan.UnsupportedError{
		Engine: site.Engine, Path: "spec.sites." + site.Name + ".engine",
		Reason: "this version has no templates for it",
	}
}
