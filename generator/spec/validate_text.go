package spec

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// filters is the path of the filters.
const filters = "spec.filters"

// validateText walks every string of a replication, keys of mappings included,
// and reports what an engine would take for an expression of its own, as well as
// characters that no object can hold. Fields that have a problem already are
// passed over. Filters are not walked: they become the data of a ConfigMap,
// which no engine expands.
func validateText(r *Replication, known field.ErrorList) field.ErrorList {
	w := textWalker{known: map[string]bool{}}
	for _, err := range known {
		w.known[err.Field] = true
	}
	w.walk(reflect.ValueOf(r).Elem(), nil)
	return w.errs
}

type textWalker struct {
	// known are the fields that have a problem already.
	known map[string]bool
	errs  field.ErrorList
}

func (w *textWalker) walk(v reflect.Value, p *field.Path) {
	if p != nil && p.String() == filters {
		return
	}
	if v.CanAddr() {
		if _, ok := v.Addr().Interface().(json.Unmarshaler); ok {
			return
		}
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			w.walk(v.Elem(), p)
		}
	case reflect.Struct:
		w.walkStruct(v, p)
	case reflect.Slice:
		for i := range v.Len() {
			w.walk(v.Index(i), p.Index(i))
		}
	case reflect.Map:
		for _, key := range slices.SortedFunc(slices.Values(v.MapKeys()), compareText) {
			w.check(key.String(), p.Key(key.String()))
			w.walk(addressable(v.MapIndex(key)), p.Key(key.String()))
		}
	case reflect.String:
		w.check(v.String(), p)
	}
}

func (w *textWalker) walkStruct(v reflect.Value, p *field.Path) {
	fields := fieldsOf(v.Type())
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		w.walk(v.FieldByIndex(fields[name]), p.Child(name))
	}
}

func (w *textWalker) check(text string, p *field.Path) {
	if w.known[p.String()] {
		return
	}
	for _, sequence := range []struct{ opening, owner string }{
		{"{{", "Argo Workflows"}, {"$(", "Tekton and Kubernetes"}, {"$[", "scribe-gen"},
	} {
		if strings.Contains(text, sequence.opening) {
			w.errs = append(w.errs, field.Invalid(p, text, fmt.Sprintf("must not contain %s: %s would replace it", sequence.opening, sequence.owner)))
		}
	}
	if strings.ContainsFunc(text, isControl) {
		w.errs = append(w.errs, field.Invalid(p, text, "must not contain control characters"))
	}
}

// addressable returns a copy of v whose address can be taken.
func addressable(v reflect.Value) reflect.Value {
	c := reflect.New(v.Type()).Elem()
	c.Set(v)
	return c
}

func compareText(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) }

// isControl reports control characters other than those of ordinary text of
// several lines.
func isControl(r rune) bool { return (r < ' ' || r == 0x7f) && r != '\n' && r != '\t' }
