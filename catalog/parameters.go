package catalog

import (
	"flag"
	"reflect"
	"slices"
	"strings"

	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/steps/contract"
)

// leftOut are the flags that no parameter sets, with the reason.
var leftOut = map[string]string{
	"directory":        "for hosts outside Kubernetes",
	"namespace":        "a pod mounts what is in its own namespace, which is the default",
	"termination-file": "the engine says where it looks",
	"progress-file":    "the engine says where it looks",
	"port-file":        "for programs that start a listener on any port",
	"listen":           "the container's port is fixed",
	"rsync":            "the image's",
	"index":            "a claim of its own, which a pod cannot have in some uses and not in others",
	"run-id":           "has a default that depends on the engine",
}

// flags makes every flag of a step that its pod does not decide a parameter of the
// same name.
func (e entry) flags(s *plan.Step) ([]Param, error) {
	compiled := map[string]string{}
	for _, arg := range contract.Args(s.Command) {
		if name, value, ok := strings.Cut(strings.TrimPrefix(arg, "--"), "="); ok {
			compiled[name] = value
		}
	}
	command := reflect.New(reflect.TypeOf(s.Command).Elem()).Interface().(contract.Command)
	s.Command, s.Settings = command, nil
	set := contract.Flags(command)
	var params []Param
	var failed error
	set.VisitAll(func(f *flag.Flag) {
		switch value := compiled[f.Name]; {
		case fixed(f.Name, value):
			if err := set.Set(f.Name, value); err != nil {
				failed = err
			}
		case leftOut[f.Name] == "":
			s.Settings = append(s.Settings, plan.Setting{Flag: f.Name, Param: f.Name})
			params = append(params, e.param(f.Name, f.Usage))
		}
	})
	return params, failed
}

// fixed reports whether a flag has the same value in every use: it is about what is
// in the pod. Filters and a certificate authority are there only for those who have
// some.
func fixed(name, value string) bool {
	if name == "filter-file" || name == "ca" {
		return false
	}
	about := func(kind string) bool { return strings.Contains(value, "$["+kind) }
	return value != "" && (name == "listen" || about("run]") || about("files.") || about("mounts."))
}

// Parameters of mounts.
const (
	paramClaim       = "claim"
	paramSourceClaim = "source-claim"
	paramKeys        = "keys-secret"
	paramConfig      = "config-secret"
	paramCA          = "ca-secret"
	paramFilters     = "filters"
)

// Names of a ConfigMap and a Secret that need not exist.
const (
	noFilters = "scribe-no-filters"
	noCA      = "scribe-no-ca"
)

// mounts makes the source of every mount a parameter.
func (e entry) mounts(s *plan.Step) []Param {
	s.Mounts = slices.Clone(s.Mounts)
	var params []Param
	for i := range s.Mounts {
		m := &s.Mounts[i]
		name, usage := mountParam(*m)
		if m.Kind == plan.MountText {
			m.Optional = true
		}
		m.Source = plan.ParamValue(name)
		params = append(params, e.param(name, usage))
	}
	return params
}

func mountParam(m plan.Mount) (name, usage string) {
	switch {
	case m.Kind == plan.MountSecret && m.Name == "rclone":
		return paramConfig, "Secret with the key rclone.conf; keys such as RCLONE_TRANSFERS set what rclone's environment variables of that name do"
	case m.Kind == plan.MountSecret && m.Name == "ca":
		return paramCA, "Secret of the object store's certificate authority, seen at " + m.Path + "; need not exist"
	case m.Kind == plan.MountSecret:
		return paramKeys, "Secret of the keys"
	case m.Kind == plan.MountText:
		return paramFilters, "ConfigMap of filter rules, seen at " + m.Path + "; need not exist"
	case m.ReadOnly:
		return paramSourceClaim, "claim of the point-in-time copy, which is mounted read-only"
	}
	return paramClaim, "name of the replica's claim"
}

// param is a parameter with what the table says of it.
func (e entry) param(name, usage string) Param {
	p := Param{
		Param:    plan.Param{Name: name, Default: e.defaults[name], Description: usage},
		Required: slices.Contains(e.required, name),
	}
	switch {
	case p.Default != "":
	case name == paramFilters:
		p.Default = noFilters
	case name == paramCA:
		p.Default = noCA
	}
	if note := e.notes[name]; note != "" {
		p.Description += "; " + note
	}
	return p
}
