package spec

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"

	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// decodeScalar sets a string, a boolean or a number. A string must be one in the
// file: 1.10 is a number, and would lose its zero on the way through another
// tool.
func (d *decoder) decodeScalar(n *yaml.Node, v reflect.Value, p *field.Path) {
	switch v.Kind() {
	case reflect.String:
		switch {
		case isText(n):
			v.SetString(n.Value)
		case n.Kind == yaml.ScalarNode:
			d.problem(n, p, "must be a string, is %s; put it in quotes: %s", describe(n), strconv.Quote(n.Value))
		default:
			d.problem(n, p, "must be a string, is %s", describe(n))
		}
	case reflect.Bool:
		var b bool
		if n.ShortTag() != "!!bool" || n.Decode(&b) != nil {
			d.problem(n, p, "must be true or false, is %s", describe(n))
		}
		v.SetBool(b)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		var i int64
		switch {
		case n.ShortTag() != "!!int":
			d.problem(n, p, "must be a whole number, is %s", describe(n))
		case n.Decode(&i) != nil || v.OverflowInt(i):
			d.problem(n, p, "%s is too large or too small a number", n.Value)
		default:
			v.SetInt(i)
		}
	default:
		d.problem(n, p, "fields of type %s cannot be set", v.Type())
	}
}

// unmarshal sets a value that has a notation of its own, such as a quantity.
func (d *decoder) unmarshal(n *yaml.Node, v json.Unmarshaler, p *field.Path) {
	text, err := json.Marshal(n.Value)
	if n.ShortTag() == "!!int" {
		text = []byte(n.Value)
	}
	if n.Kind != yaml.ScalarNode || n.ShortTag() == "!!bool" {
		err = fmt.Errorf("must be a single value, is %s", describe(n))
	}
	_, isQuantity := v.(*resource.Quantity)
	if isQuantity && !quantity.MatchString(n.Value) {
		err = errors.New("not a quantity")
	}
	if err == nil {
		err = v.UnmarshalJSON(text)
	}
	if isQuantity && err != nil {
		d.problem(n, p, "must be a quantity such as 500m or 2Gi, is %s", describe(n))
	} else if err != nil {
		d.problem(n, p, "%v", err)
	}
}

// isText reports whether a node stands for a string; a date is one to us.
func isText(n *yaml.Node) bool {
	tag := n.ShortTag()
	return n.Kind == yaml.ScalarNode && (tag == "!!str" || tag == "!!timestamp" || tag == "!!merge")
}

// describe says what a node is, for messages about what it should be.
func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	switch tag := n.ShortTag(); tag {
	case "!!str", "!!timestamp", "!!merge":
		return strconv.Quote(n.Value)
	case "!!int", "!!float":
		return "the number " + n.Value
	case "!!bool":
		return "the boolean " + n.Value
	case "!!null":
		return "null"
	default:
		return "of type " + tag
	}
}
