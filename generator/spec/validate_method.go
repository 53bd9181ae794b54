package spec

import (
	"fmt"
	"net/netip"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Limits of what users may ask of a mover.
const (
	mostStreams   = 64
	mostTransfers = 256
	// longestPattern is the longest path Linux takes.
	longestPattern = 4096
	// mostPatternBytes leaves room in a ConfigMap, which holds 1 MiB.
	mostPatternBytes = 512 << 10
)

func validateMethod(s Spec, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	switch {
	case s.Rsync != nil && s.Rclone != nil:
		errs = append(errs, field.Forbidden(p.Child("rclone"), "exactly one of rsync and rclone may be given, and rsync is"))
	case s.Rsync == nil && s.Rclone == nil:
		errs = append(errs, field.Required(p, "exactly one of rsync and rclone must be given; rsync with its defaults is rsync: {}"))
	}
	if s.Rsync != nil {
		errs = append(errs, validateRsync(*s.Rsync, p.Child("rsync"))...)
	}
	if s.Rclone != nil {
		errs = append(errs, validateRclone(*s.Rclone, p.Child("rclone"))...)
		errs = append(errs, validateEdges(s, p.Child("destinations"))...)
	}
	return errs
}

func validateRsync(r Rsync, p *field.Path) field.ErrorList {
	errs := validateService(r.Service, p.Child("service"))
	errs = append(errs, validateBytes(r.BandwidthLimit, p.Child("bandwidthLimit"))...)
	errs = append(errs, oneOf(r.Compress, CompressModes(), p.Child("compress"))...)
	return append(errs, between(r.Streams, 0, mostStreams, p.Child("streams"))...)
}

func validateService(s Service, p *field.Path) field.ErrorList {
	errs := oneOf(s.Type, ServiceTypes(), p.Child("type"))
	errs = append(errs, between(s.Port, 1, 65535, p.Child("port"))...)
	errs = append(errs, validateAnnotations(s.Annotations, p.Child("annotations"))...)
	p = p.Child("loadBalancerSourceRanges")
	for i, r := range s.LoadBalancerSourceRanges {
		errs = append(errs, required(r, isNetwork, p.Index(i))...)
	}
	noBalancer := s.Type != corev1.ServiceTypeLoadBalancer && len(s.LoadBalancerSourceRanges) > 0
	return append(errs, forbidden(noBalancer, "only a Service of type LoadBalancer has source ranges", p)...)
}

// isNetwork reports what is not a network in CIDR notation.
func isNetwork(value string) []string {
	prefix, err := netip.ParsePrefix(value)
	switch {
	case err != nil:
		return []string{"must be a network such as 192.0.2.0/24 or 2001:db8::/32"}
	case prefix != prefix.Masked():
		return []string{"is an address within a network; did you mean " + prefix.Masked().String() + "?"}
	}
	return nil
}

func validateRclone(r Rclone, p *field.Path) field.ErrorList {
	errs := requiredSubdomain(r.ConfigSecret, p.Child("configSecret"))
	errs = append(errs, required(r.Remote, isRemote, p.Child("remote"))...)
	errs = append(errs, validateRetain(r.Retain, p.Child("retain"))...)
	errs = append(errs, oneOf(r.Trigger, Triggers(), p.Child("trigger"))...)
	errs = append(errs, validateBytes(r.BandwidthLimit, p.Child("bandwidthLimit"))...)
	errs = append(errs, between(r.Transfers, 0, mostTransfers, p.Child("transfers"))...)
	if r.CustomCA != nil {
		p := p.Child("customCA")
		errs = append(errs, requiredSubdomain(r.CustomCA.Secret, p.Child("secret"))...)
		errs = append(errs, required(r.CustomCA.Key, validation.IsConfigMapKey, p.Child("key"))...)
	}
	return errs
}

// validateEdges reports destinations at the source's own site: what the source
// publishes is a relationship of that site already.
func validateEdges(s Spec, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, d := range s.Destinations {
		if d.Site != "" && d.Site == s.Source.Site {
			errs = append(errs, field.Invalid(p.Index(i).Child("site"), d.Site,
				"is the source's own site, which needs no object store: give it a replication of its own with rsync, or name the namespace as another site"))
		}
	}
	return errs
}

// isRemote reports what rclone would take for a local path or an option.
func isRemote(value string) []string {
	if !strings.Contains(value, ":") || strings.HasPrefix(value, "-") {
		return []string{"must be a remote of rclone.conf and a path, such as s3:bucket/path"}
	}
	return isPrintable(value)
}

// validateFilters lets patterns hold what engines would replace elsewhere: they
// travel as the data of a ConfigMap, one a line.
func validateFilters(f Filters, p *field.Path) field.ErrorList {
	p = p.Child("exclude")
	var errs field.ErrorList
	total := 0
	for i, pattern := range f.Exclude {
		total += len(pattern) + 1
		errs = append(errs, required(pattern, isPattern, p.Index(i))...)
	}
	if total > mostPatternBytes {
		errs = append(errs, field.TooLong(p, "", mostPatternBytes))
	}
	return errs
}

func isPattern(value string) []string {
	var details []string
	if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		details = append(details, "must not contain control characters; for a name that has them, write ? in their place")
	}
	if len(value) > longestPattern {
		details = append(details, fmt.Sprintf("must have at most %d bytes", longestPattern))
	}
	if strings.HasPrefix(value, "- ") || strings.HasPrefix(value, "+ ") || value == "!" {
		details = append(details, "must be a pattern alone, without a rule in front; all patterns exclude")
	}
	return details
}
