package spec

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// nodeLimit bounds the YAML nodes of one document with its aliases expanded: a
// few lines of aliases can stand for billions.
const nodeLimit = 100_000

// decoder sets Go values from the YAML nodes of one document. It works on nodes
// rather than through a library's strict mode because those stop at the first
// problem and do not know its field path.
type decoder struct {
	problems Problems
	// places are where fields are in the file, by path.
	places map[string]*yaml.Node
	nodes  int
}

// decode sets v, which must be settable, from n. What it cannot set is a problem
// and keeps its zero value. Null is as good as absent.
func (d *decoder) decode(n *yaml.Node, v reflect.Value, p *field.Path) {
	if p != nil {
		d.places[p.String()] = n
	}
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if d.nodes++; d.nodes > nodeLimit {
		if d.nodes == nodeLimit+1 {
			d.problem(n, p, "the document has more than %d values with its aliases expanded", nodeLimit)
		}
		return
	}
	if n.ShortTag() == "!!null" {
		return
	}
	if u, ok := v.Addr().Interface().(json.Unmarshaler); ok {
		d.unmarshal(n, u, p)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.decode(n, v.Elem(), p)
	case reflect.Struct:
		d.decodeStruct(n, v, p)
	case reflect.Map:
		d.decodeMap(n, v, p)
	case reflect.Slice:
		d.decodeSlice(n, v, p)
	default:
		d.decodeScalar(n, v, p)
	}
}

func (d *decoder) decodeStruct(n *yaml.Node, v reflect.Value, p *field.Path) {
	if n.Kind != yaml.MappingNode {
		d.problem(n, p, "must be a mapping of fields, is %s", describe(n))
		return
	}
	fields := fieldsOf(v.Type())
	d.eachKey(n, p.Child, p, func(key, value *yaml.Node, p *field.Path) {
		index, ok := fields[key.Value]
		if !ok {
			d.problem(key, p, "unknown field; %s", suggestion(key.Value, slices.Sorted(maps.Keys(fields))))
			return
		}
		d.decode(value, v.FieldByIndex(index), p)
		d.places[p.String()] = key
	})
}

func (d *decoder) decodeMap(n *yaml.Node, v reflect.Value, p *field.Path) {
	if n.Kind != yaml.MappingNode {
		d.problem(n, p, "must be a mapping, is %s", describe(n))
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	inner := func(key string, _ ...string) *field.Path { return p.Key(key) }
	d.eachKey(n, inner, p, func(key, value *yaml.Node, p *field.Path) {
		element := reflect.New(v.Type().Elem()).Elem()
		d.decode(value, element, p)
		d.places[p.String()] = key
		v.SetMapIndex(reflect.ValueOf(key.Value).Convert(v.Type().Key()), element)
	})
}

// eachKey visits the keys of a mapping with their paths. Keys that are no
// strings, or that come twice, are problems and are not visited.
func (d *decoder) eachKey(n *yaml.Node, child func(string, ...string) *field.Path, p *field.Path, visit func(key, value *yaml.Node, p *field.Path)) {
	first := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		for key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		line, twice := first[key.Value]
		switch {
		case key.Kind == yaml.ScalarNode && key.ShortTag() == "!!merge":
			d.problem(key, p, "merge keys (<<) are not supported; write the fields out")
		case key.Kind != yaml.ScalarNode || !isText(key):
			d.problem(key, p, "the key in line %d must be a string, is %s", key.Line, describe(key))
		case twice:
			d.problem(key, child(key.Value), "given twice, first in line %d", line)
		default:
			first[key.Value] = key.Line
			visit(key, value, child(key.Value))
		}
	}
}

func (d *decoder) decodeSlice(n *yaml.Node, v reflect.Value, p *field.Path) {
	if n.Kind != yaml.SequenceNode {
		d.problem(n, p, "must be a list, is %s", describe(n))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	for i, item := range n.Content {
		d.decode(item, v.Index(i), p.Index(i))
	}
}

func (d *decoder) problem(n *yaml.Node, p *field.Path, format string, args ...any) {
	problem := Problem{Detail: fmt.Sprintf(format, args...), Line: n.Line, Column: n.Column}
	if p != nil {
		problem.Field = p.String()
	}
	d.problems = append(d.problems, problem)
}

// fieldsOf returns the indexes of a struct's fields by the names they have in
// files.
func fieldsOf(t reflect.Type) map[string][]int {
	fields := map[string][]int{}
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name != "" && name != "-" {
			fields[name] = f.Index
		}
	}
	return fields
}
