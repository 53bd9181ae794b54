package spec

import (
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// annotationsLimit is the most bytes that an object's annotations may have.
const annotationsLimit = 256 << 10

func validateMover(m Mover, p *field.Path) field.ErrorList {
	errs := oneOf(m.Privileges, PrivilegeLevels(), p.Child("privileges"))
	if m.SecurityContext != nil {
		errs = append(errs, validateSecurityContext(*m.SecurityContext, m.Privileges, p.Child("securityContext"))...)
	}
	errs = append(errs, validateResources(m.Resources, p.Child("resources"))...)
	errs = append(errs, validateLabels(m.NodeSelector, p.Child("nodeSelector"))...)
	for i, t := range m.Tolerations {
		errs = append(errs, validateToleration(t, p.Child("tolerations").Index(i))...)
	}
	errs = append(errs, optional(m.PriorityClassName, validation.IsDNS1123Subdomain, p.Child("priorityClassName"))...)
	errs = append(errs, validateLabels(m.Labels, p.Child("labels"))...)
	errs = append(errs, validateAnnotations(m.Annotations, p.Child("annotations"))...)
	errs = append(errs, optional(m.ServiceAccountName, validation.IsDNS1123Subdomain, p.Child("serviceAccountName"))...)
	return append(errs, optional(m.Image, isImage, p.Child("image"))...)
}

// validateSecurityContext reports settings with which the mover's pods would be
// refused, would never start, or could not do what its privileges say.
func validateSecurityContext(c corev1.PodSecurityContext, level Privileges, p *field.Path) field.ErrorList {
	asRoot := c.RunAsUser != nil && *c.RunAsUser == 0
	nonRoot := c.RunAsNonRoot != nil && *c.RunAsNonRoot
	var errs field.ErrorList
	switch level {
	case PrivilegesRestricted:
		errs = append(errs, forbidden(asRoot, "privileges Restricted do not allow root", p.Child("runAsUser"))...)
		errs = append(errs, forbidden(c.RunAsNonRoot != nil && !nonRoot, "privileges Restricted do not allow root", p.Child("runAsNonRoot"))...)
	case PrivilegesOwner:
		const rootOnly = "privileges Owner are those of root; for any other user set privileges: Restricted"
		errs = append(errs, forbidden(c.RunAsUser != nil && !asRoot, rootOnly, p.Child("runAsUser"))...)
		errs = append(errs, forbidden(nonRoot, rootOnly, p.Child("runAsNonRoot"))...)
	}
	if c.SeccompProfile != nil && c.SeccompProfile.Type == corev1.SeccompProfileTypeUnconfined {
		errs = append(errs, field.Forbidden(p.Child("seccompProfile", "type"), "the Pod Security Standards do not allow Unconfined"))
	}
	for _, id := range []struct {
		name  string
		value *int64
	}{{"runAsUser", c.RunAsUser}, {"runAsGroup", c.RunAsGroup}, {"fsGroup", c.FSGroup}} {
		if id.value != nil && *id.value < 0 {
			errs = append(errs, field.Invalid(p.Child(id.name), *id.value, "must not be negative"))
		}
	}
	return errs
}

func validateResources(r corev1.ResourceRequirements, p *field.Path) field.ErrorList {
	errs := validateResourceList(r.Limits, p.Child("limits"))
	errs = append(errs, validateResourceList(r.Requests, p.Child("requests"))...)
	for _, name := range slices.Sorted(maps.Keys(r.Requests)) {
		request := r.Requests[name]
		if limit, ok := r.Limits[name]; ok && request.Cmp(limit) > 0 {
			errs = append(errs, field.Invalid(p.Child("requests").Key(string(name)), request.String(), "must not be more than the limit, "+limit.String()))
		}
	}
	return append(errs, forbidden(len(r.Claims) > 0, "movers have no resource claims", p.Child("claims"))...)
}

func validateResourceList(list corev1.ResourceList, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, name := range slices.Sorted(maps.Keys(list)) {
		p := p.Key(string(name))
		errs = append(errs, required(string(name), validation.IsQualifiedName, p)...)
		if q := list[name]; q.Cmp(resource.Quantity{}) < 0 {
			errs = append(errs, field.Invalid(p, q.String(), "must not be negative"))
		}
	}
	return errs
}

func validateToleration(t corev1.Toleration, p *field.Path) field.ErrorList {
	errs := optional(t.Key, validation.IsQualifiedName, p.Child("key"))
	operators := []corev1.TolerationOperator{"", corev1.TolerationOpExists, corev1.TolerationOpEqual}
	errs = append(errs, oneOf(t.Operator, operators, p.Child("operator"))...)
	effects := []corev1.TaintEffect{"", corev1.TaintEffectNoSchedule, corev1.TaintEffectPreferNoSchedule, corev1.TaintEffectNoExecute}
	errs = append(errs, oneOf(t.Effect, effects, p.Child("effect"))...)
	switch exists := t.Operator == corev1.TolerationOpExists; {
	case exists && t.Value != "":
		errs = append(errs, field.Forbidden(p.Child("value"), "operator Exists takes no value"))
	case !exists && t.Key == "":
		errs = append(errs, field.Required(p.Child("key"), "only operator Exists goes without one"))
	}
	if t.TolerationSeconds != nil && t.Effect != corev1.TaintEffectNoExecute {
		errs = append(errs, field.Forbidden(p.Child("tolerationSeconds"), "only effect NoExecute has a time"))
	}
	return errs
}

func validateLabels(labels map[string]string, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		errs = append(errs, validateKey(key, p.Key(key))...)
		errs = append(errs, optional(labels[key], validation.IsValidLabelValue, p.Key(key))...)
	}
	return errs
}

func validateAnnotations(annotations map[string]string, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	total := 0
	for _, key := range slices.Sorted(maps.Keys(annotations)) {
		errs = append(errs, validateKey(key, p.Key(key))...)
		total += len(key) + len(annotations[key])
	}
	if total > annotationsLimit {
		errs = append(errs, field.TooLong(p, "", annotationsLimit))
	}
	return errs
}

// validateKey checks the key of a label or an annotation. Those with our prefix
// are how steps find what belongs to them: a forged one could make retention or
// cleanup delete the wrong object.
func validateKey(key string, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if key == "" {
		return field.ErrorList{field.Invalid(p, key, "must not be empty")}
	}
	for _, detail := range validation.IsQualifiedName(strings.ToLower(key)) {
		errs = append(errs, field.Invalid(p, key, detail))
	}
	return append(errs, forbidden(strings.HasPrefix(key, Group+"/"), "the prefix "+Group+"/ is reserved", p)...)
}

// isImage reports what cannot be an image reference; registries know the rest.
func isImage(value string) []string {
	if strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' }) || strings.HasPrefix(value, "-") {
		return []string{"must be an image reference such as registry.example.com/scribe/steps:v1"}
	}
	return nil
}
