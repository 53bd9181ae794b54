// Package fault makes create calls slow or fail as the parameters of the
// StorageClass or VolumeSnapshotClass say, so that a test brings its own class
// and disturbs no other.
//
//	fault.delay       duration that passes between the first call for a name and the work
//	fault.error       message with which calls fail, after the delay
//	fault.code        name of the gRPC code they fail with, as in ResourceExhausted; default Internal
//	fault.times       calls for one name that fail; default all
//	fault.on          StorageClass: clone, restore or any, the content source it is for; default any
//	fault.readyAfter  VolumeSnapshotClass: duration from the cut to ReadyToUse, or never
//
// What exists already is answered without fault.
package fault

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
)

// Prefix begins the names of all parameters of this package.
const Prefix = "fault."

// Never is a ReadyAfter that no test lives to see.
const Never = time.Duration(math.MaxInt64)

// Fault is what is wrong with a create call. The zero Fault is nothing.
type Fault struct {
	// Delay from the first call for a name to the work.
	Delay time.Duration
	// Code the call fails with; OK lets it succeed.
	Code codes.Code
	// Message of the failure.
	Message string
	// Times is how many calls for one name fail; 0 is all.
	Times int
	// On is the content source that the fault is for; empty is any, also none.
	On Source
	// ReadyAfter is how long a snapshot is not ready.
	ReadyAfter time.Duration
}

// Source is a kind of content source of a volume.
type Source string

// The kinds of content sources; the zero Source is none.
const (
	Clone   Source = "clone"
	Restore Source = "restore"
)

// Applies reports whether the fault is for volumes with that content source.
func (f Fault) Applies(to Source) bool { return f.On == "" || f.On == to }

// parsers are the parameters, by name without prefix.
type parsers map[string]func(*Fault, string) error

var common = parsers{
	"delay": func(f *Fault, v string) (err error) { f.Delay, err = parseDuration(v); return err },
	"error": func(f *Fault, v string) error { f.Message = v; return nil },
	"code":  func(f *Fault, v string) (err error) { f.Code, err = parseCode(v); return err },
	"times": func(f *Fault, v string) (err error) { f.Times, err = parseTimes(v); return err },
}

// ForVolumes reads the parameters of a StorageClass. Those without Prefix are
// ignored.
func ForVolumes(parameters map[string]string) (Fault, error) {
	known := maps.Clone(common)
	known["on"] = func(f *Fault, v string) (err error) { f.On, err = parseOn(v); return err }
	return known.parse(parameters)
}

// ForSnapshots reads the parameters of a VolumeSnapshotClass. Those without
// Prefix are ignored.
func ForSnapshots(parameters map[string]string) (Fault, error) {
	known := maps.Clone(common)
	known["readyAfter"] = func(f *Fault, v string) (err error) {
		if v == "never" {
			f.ReadyAfter = Never
			return nil
		}
		f.ReadyAfter, err = parseDuration(v)
		return err
	}
	return known.parse(parameters)
}

func (p parsers) parse(parameters map[string]string) (Fault, error) {
	var f Fault
	for key, value := range parameters {
		name, ok := strings.CutPrefix(key, Prefix)
		if !ok {
			continue
		}
		read, ok := p[name]
		if !ok {
			return Fault{}, fmt.Errorf("parameter %s is unknown here: use %s{%s}",
				key, Prefix, strings.Join(slices.Sorted(maps.Keys(p)), ","))
		}
		if err := read(&f, value); err != nil {
			return Fault{}, fmt.Errorf("parameter %s: %w", key, err)
		}
	}
	return f.complete()
}

// complete sets the default of the code or of the message when only the other is
// given.
func (f Fault) complete() (Fault, error) {
	switch {
	case f.Message != "" && f.Code == codes.OK:
		f.Code = codes.Internal
	case f.Message == "" && f.Code != codes.OK:
		f.Message = "injected fault"
	case f.Code == codes.OK && f.Times > 0:
		return Fault{}, fmt.Errorf("parameter %stimes needs %[1]serror or %[1]scode", Prefix)
	}
	return f, nil
}

func parseDuration(v string) (time.Duration, error) {
	d, err := time.ParseDuration(v)
	if err == nil && d < 0 {
		err = fmt.Errorf("%s is negative", v)
	}
	return d, err
}

func parseTimes(v string) (int, error) {
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%q is not a number of calls, 1 or more", v)
	}
	return n, nil
}

func parseCode(v string) (codes.Code, error) {
	for c := codes.Canceled; c <= codes.Unauthenticated; c++ {
		if c.String() == v {
			return c, nil
		}
	}
	return codes.OK, fmt.Errorf("%q is not the name of a gRPC error code, such as %s", v, codes.ResourceExhausted)
}

func parseOn(v string) (Source, error) {
	switch s := Source(v); s {
	case Clone, Restore:
		return s, nil
	case "any":
		return "", nil
	}
	return "", fmt.Errorf("%q is none of clone, restore, any", v)
}
