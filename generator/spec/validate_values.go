package spec

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Limits of durations. Kubernetes and Argo count a pod's and a workflow's
// deadline in whole seconds.
const (
	shortestTimeout = time.Minute
	longestDuration = 366 * 24 * time.Hour
	mostRetries     = 100
)

// check is one of Kubernetes' validators of a string, or one like them: it
// returns what is wrong.
type check func(string) []string

// optional applies a check to a value that may be empty.
func optional(value string, check check, p *field.Path) field.ErrorList {
	if value == "" {
		return nil
	}
	var errs field.ErrorList
	for _, detail := range check(value) {
		errs = append(errs, field.Invalid(p, value, detail))
	}
	return errs
}

// required applies a check to a value that must not be empty.
func required(value string, check check, p *field.Path) field.ErrorList {
	if value == "" {
		return field.ErrorList{field.Required(p, "")}
	}
	return optional(value, check, p)
}

func requiredLabel(value string, p *field.Path) field.ErrorList {
	return required(value, validation.IsDNS1123Label, p)
}

func requiredSubdomain(value string, p *field.Path) field.ErrorList {
	return required(value, validation.IsDNS1123Subdomain, p)
}

// oneOf reports a value that is not among those allowed.
func oneOf[T ~string](value T, allowed []T, p *field.Path) field.ErrorList {
	if slices.Contains(allowed, value) {
		return nil
	}
	return field.ErrorList{field.NotSupported(p, value, allowed)}
}

// forbidden reports a field that must not be set where it is.
func forbidden(set bool, why string, p *field.Path) field.ErrorList {
	if !set {
		return nil
	}
	return field.ErrorList{field.Forbidden(p, why)}
}

// between reports a number outside a range.
func between(value, low, high int, p *field.Path) field.ErrorList {
	if low <= value && value <= high {
		return nil
	}
	return field.ErrorList{field.Invalid(p, value, fmt.Sprintf("must be between %d and %d", low, high))}
}

// isPrintable reports characters that break a line or a path.
func isPrintable(value string) []string {
	if strings.ContainsFunc(value, unprintable) {
		return []string{"must not contain control characters"}
	}
	return nil
}

// isHost reports what is neither an IP address nor a DNS name.
func isHost(value string) []string {
	if _, err := netip.ParseAddr(value); err == nil {
		return nil
	}
	if host, port, ok := strings.Cut(value, ":"); ok && len(validation.IsDNS1123Subdomain(host)) == 0 {
		return []string{fmt.Sprintf("must be a host name or an IP address without port; write port %s into spec.rsync.service.port", port)}
	}
	if len(validation.IsDNS1123Subdomain(value)) > 0 {
		return []string{"must be a host name in lower case or an IP address"}
	}
	return nil
}

// quantity is the notation of a quantity. The limit of its exponent matters: the
// library computes with all digits of 1e999999999.
var quantity = regexp.MustCompile(`^[+-]?[0-9.]{1,30}([eE][+-]?[0-9]{1,2}|[A-Za-z]{0,2})$`)

const notQuantity = "must be a quantity of bytes such as 10Gi"

// validateBytes checks a number of bytes, written as a quantity; it may be empty.
func validateBytes(value string, p *field.Path) field.ErrorList {
	if value == "" {
		return nil
	}
	if !quantity.MatchString(value) {
		return field.ErrorList{field.Invalid(p, value, notQuantity)}
	}
	q, err := resource.ParseQuantity(value)
	switch {
	case err != nil:
		return field.ErrorList{field.Invalid(p, value, notQuantity)}
	case q.Sign() <= 0:
		return field.ErrorList{field.Invalid(p, value, "must be greater than zero")}
	case q.Cmp(*resource.NewQuantity(q.Value(), q.Format)) != 0:
		return field.ErrorList{field.Invalid(p, value, "must be a whole number of bytes below 8Ei; the suffix m stands for thousandths, M or Mi for millions")}
	}
	return nil
}

// validateDuration checks a duration of whole seconds that is at least as long
// as shortest.
func validateDuration(value string, shortest time.Duration, p *field.Path) field.ErrorList {
	d, err := time.ParseDuration(value)
	switch {
	case err != nil:
		return field.ErrorList{field.Invalid(p, value, "must be a duration such as 20s, 90m or 6h")}
	case d < shortest:
		return field.ErrorList{field.Invalid(p, value, "must be at least "+short(shortest))}
	case d > longestDuration:
		return field.ErrorList{field.Invalid(p, value, "must be at most "+short(longestDuration))}
	case d%time.Second != 0:
		return field.ErrorList{field.Invalid(p, value, "must be a whole number of seconds")}
	}
	return nil
}

// short prints a duration without zero parts: 1m rather than 1m0s.
func short(d time.Duration) string {
	s := strings.TrimSuffix(d.String(), "m0s")
	if s != d.String() {
		s += "m"
	}
	if trimmed := strings.TrimSuffix(s, "h0m"); trimmed != s {
		s = trimmed + "h"
	}
	return s
}

func validateRetry(r Retry, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if r.Limit != nil {
		errs = between(*r.Limit, 0, mostRetries, p.Child("limit"))
	}
	backoff := validateDuration(r.Backoff, time.Second, p.Child("backoff"))
	longest := validateDuration(r.MaxBackoff, time.Second, p.Child("maxBackoff"))
	if len(backoff) == 0 && len(longest) == 0 && mustDuration(r.Backoff) > mustDuration(r.MaxBackoff) {
		longest = field.ErrorList{field.Invalid(p.Child("maxBackoff"), r.MaxBackoff, "must not be shorter than backoff, "+r.Backoff)}
	}
	return slices.Concat(errs, backoff, longest)
}

// mustDuration is the duration of a value that was checked before.
func mustDuration(value string) time.Duration {
	d, _ := time.ParseDuration(value)
	return d
}

func validateRetain(r Retain, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, rule := range []struct {
		name  string
		count int
	}{{"last", r.Last}, {"hourly", r.Hourly}, {"daily", r.Daily}, {"weekly", r.Weekly}, {"monthly", r.Monthly}} {
		if rule.count < 0 {
			errs = append(errs, field.Invalid(p.Child(rule.name), rule.count, "must not be negative"))
		}
	}
	return errs
}

var maxDelete = regexp.MustCompile(`^([0-9]{1,18})(%?)$`)

func validateMaxDelete(value string, p *field.Path) field.ErrorList {
	m := maxDelete.FindStringSubmatch(value)
	if m == nil {
		return field.ErrorList{field.Invalid(p, value, "must be a number of entries such as 1000, or a percentage such as 50%")}
	}
	if n, err := strconv.Atoi(m[1]); err != nil || m[2] == "%" && n > 100 {
		return field.ErrorList{field.Invalid(p, value, "a percentage must be between 0% and 100%")}
	}
	return nil
}
