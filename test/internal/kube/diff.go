package kube

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Difference is a place at which two objects differ. An absent value is nil.
type Difference struct {
	// Path is that of the field, such as spec.ports[0].protocol.
	Path string
	// Before and After are the values there.
	Before, After any
}

// String is the difference on one line.
func (d Difference) String() string {
	return fmt.Sprintf("%s: %s -> %s", d.Path, text(d.Before), text(d.After))
}

func text(v any) string {
	if v == nil {
		return "(absent)"
	}
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(data)
}

// Differences are places in the order of the fields.
type Differences []Difference

// String is one difference on each line.
func (d Differences) String() string {
	lines := make([]string, len(d))
	for i := range d {
		lines[i] = d[i].String()
	}
	return strings.Join(lines, "\n")
}

// Lost are the differences that take something away or change it: what was
// applied and is not stored.
func (d Differences) Lost() Differences {
	return slices.DeleteFunc(slices.Clone(d), func(d Difference) bool { return d.Before == nil })
}

// Below are the differences at the field and below it.
func (d Differences) Below(field string) Differences {
	return slices.DeleteFunc(slices.Clone(d), func(d Difference) bool {
		rest, ok := strings.CutPrefix(d.Path, field)
		return !ok || (rest != "" && rest[0] != '.' && rest[0] != '[')
	})
}

// Compare returns where two values as decoded from JSON differ. Lists are
// compared element by element, as their order means something almost everywhere.
func Compare(before, after any) Differences { return compare("", before, after) }

func compare(path string, before, after any) Differences {
	switch b := before.(type) {
	case map[string]any:
		if a, ok := after.(map[string]any); ok {
			return compareMaps(path, b, a)
		}
	case []any:
		if a, ok := after.([]any); ok {
			return compareLists(path, b, a)
		}
	}
	if equality.Semantic.DeepEqual(before, after) {
		return nil
	}
	return Differences{{Path: path, Before: before, After: after}}
}

func compareMaps(path string, before, after map[string]any) Differences {
	keys := map[string]bool{}
	for _, m := range []map[string]any{before, after} {
		for k := range m {
			keys[k] = true
		}
	}
	var found Differences
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		found = append(found, compare(join(path, k), before[k], after[k])...)
	}
	return found
}

func compareLists(path string, before, after []any) Differences {
	var found Differences
	for i := range max(len(before), len(after)) {
		var b, a any
		if i < len(before) {
			b = before[i]
		}
		if i < len(after) {
			a = after[i]
		}
		found = append(found, compare(fmt.Sprintf("%s[%d]", path, i), b, a)...)
	}
	return found
}

// join appends a key to a path; keys with dots, such as those of labels, in
// quotes.
func join(path, key string) string {
	switch {
	case strings.ContainsAny(key, "./[]"):
		return fmt.Sprintf("%s[%q]", path, key)
	case path == "":
		return key
	}
	return path + "." + key
}

// Timeless returns the object's content without the times in its managed fields,
// which the server may set anew although nothing changed.
func Timeless(object *unstructured.Unstructured) map[string]any {
	copied := object.DeepCopy()
	fields := copied.GetManagedFields()
	for i := range fields {
		fields[i].Time = nil
	}
	copied.SetManagedFields(fields)
	return copied.Object
}
