package common

import (
	"errors"
	"fmt"

	"github.com/backube/scribe-gen/generator/manifest"
	"github.com/backube/scribe-gen/generator/plan"
)

// Lint looks at all objects of a site. foreign are accounts that are not among them.
type Lint func(objects []manifest.Object, foreign map[string]bool) error

// Compile returns what objects makes of each relationship of a site, or everything
// that is wrong with any of them. The result has passed lint.
func Compile(p *plan.Plan, site plan.Site, objects func(Relationship) ([]manifest.Object, error), lint Lint) ([]manifest.Object, error) {
	var all []manifest.Object
	var errs []error
	for _, r := range site.Relationships {
		made, err := objects(Relationship{Relationship: r, Plan: p, Namespace: site.Namespace})
		if err != nil {
			errs = append(errs, fmt.Errorf("site %s: relationship %s: %w", site.Name, r.Name, err))
		}
		all = append(all, made...)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	if err := lint(all, foreignAccounts(site)); err != nil {
		return nil, fmt.Errorf("site %s: %w", site.Name, err)
	}
	return all, nil
}

// foreignAccounts are the accounts of a site that the user named and the bundle
// does not make. Those of other namespaces are none: no pod here can have them.
func foreignAccounts(site plan.Site) map[string]bool {
	names := map[string]bool{}
	for _, r := range site.Relationships {
		for _, a := range r.Accounts {
			if !a.Create && a.Namespace == "" {
				names[a.Name] = true
			}
		}
	}
	return names
}
