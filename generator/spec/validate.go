package spec

import (
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Validate reports everything that is wrong with a replication that has its
// defaults. The errors carry the paths of their fields; their order is that of
// the checks.
func Validate(r *Replication) field.ErrorList {
	p := field.NewPath("spec")
	s := r.Spec
	errs := validateMetadata(r.Metadata, field.NewPath("metadata"))
	errs = append(errs, validateSites(s, p.Child("sites"))...)
	errs = append(errs, validateSource(s, p.Child("source"))...)
	errs = append(errs, validateDestinations(s, p)...)
	errs = append(errs, validateDerivedNames(r, p)...)
	errs = append(errs, validateMethod(s, p)...)
	errs = append(errs, validateFilters(s.Filters, p.Child("filters"))...)
	errs = append(errs, validateMaxDelete(s.Guard.MaxDelete, p.Child("guard", "maxDelete"))...)
	if s.Schedule != nil {
		errs = append(errs, validateSchedule(*s.Schedule, p.Child("schedule"))...)
	}
	errs = append(errs, validateRetry(s.Retry, p.Child("retry"))...)
	errs = append(errs, validateDuration(s.Timeout, shortestTimeout, p.Child("timeout"))...)
	errs = append(errs, validateMover(s.Mover, p.Child("mover"))...)
	return append(errs, validateText(r, errs)...)
}

func validateMetadata(m Metadata, p *field.Path) field.ErrorList {
	errs := requiredLabel(m.Name, p.Child("name"))
	if len(m.Name) > ReplicationNameLimit {
		errs = append(errs, field.Invalid(p.Child("name"), m.Name,
			fmt.Sprintf("has %d characters, %d too many: it begins the name of every object", len(m.Name), len(m.Name)-ReplicationNameLimit)))
	}
	errs = append(errs, validateLabels(m.Labels, p.Child("labels"))...)
	return append(errs, validateAnnotations(m.Annotations, p.Child("annotations"))...)
}

func validateSites(s Spec, p *field.Path) field.ErrorList {
	if len(s.Sites) == 0 {
		return field.ErrorList{field.Required(p, "name the source's and the destinations' sites")}
	}
	names := slices.Sorted(maps.Keys(s.Sites))
	used := usedSites(s, names)
	var errs field.ErrorList
	for _, name := range names {
		p := p.Key(name)
		errs = append(errs, requiredLabel(name, p)...)
		errs = append(errs, validateSite(s.Sites[name], p)...)
		if !used[name] {
			errs = append(errs, field.Invalid(p, name, "is neither the source's site nor a destination's"))
		}
	}
	return errs
}

// usedSites are the sites that the source and the destinations name, or mean by a
// misspelt name: that one problem needs no second message.
func usedSites(s Spec, names []string) map[string]bool {
	used := map[string]bool{}
	use := func(name string) {
		if _, ok := s.Sites[name]; !ok {
			name, _ = nearest(name, names)
		}
		used[name] = true
	}
	use(s.Source.Site)
	for _, d := range s.Destinations {
		use(d.Site)
	}
	return used
}

func validateSite(s Site, p *field.Path) field.ErrorList {
	errs := oneOf(s.Engine, Engines(), p.Child("engine"))
	switch {
	case s.Engine == EngineLocal && s.Directory == "":
		errs = append(errs, field.Required(p.Child("directory"), "a local site keeps its volumes below a directory"))
	case s.Engine != EngineLocal && s.Namespace == "" && len(errs) == 0:
		detail := fmt.Sprintf("a site of engine %s is a namespace", s.Engine)
		if s.Directory != "" {
			detail += "; for the directory of a host, set engine: local"
		}
		errs = append(errs, field.Required(p.Child("namespace"), detail))
	}
	errs = append(errs, optional(s.Namespace, validation.IsDNS1123Label, p.Child("namespace"))...)
	errs = append(errs, optional(s.Address, isHost, p.Child("address"))...)
	errs = append(errs, optional(s.Context, isPrintable, p.Child("context"))...)
	return append(errs, optional(s.Directory, isPrintable, p.Child("directory"))...)
}

func validateSiteName(name string, sites map[string]Site, p *field.Path) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Required(p, "the name of one of spec.sites")}
	}
	if _, ok := sites[name]; ok || len(sites) == 0 {
		return nil
	}
	return field.ErrorList{field.Invalid(p, name, "is not one of spec.sites; "+suggestion(name, slices.Sorted(maps.Keys(sites))))}
}
