package specdoc

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/invopop/jsonschema"

	"github.com/backube/scribe-gen/generator/spec"
)

const preamble = `# Spec reference

Every field of a Replication, with its type, its default and its meaning. The
[JSON Schema](replication.schema.json) says the same to editors: for the YAML
language server, begin a spec with

` + "```yaml" + `
# yaml-language-server: $schema=replication.schema.json
` + "```" + `

Unknown fields are errors. A file may hold several documents.
`

// Reference returns the field reference as Markdown: a section with a table for
// each type, in the order in which the fields use them.
func Reference(root *jsonschema.Schema) ([]byte, error) {
	defaults, err := defaultValues()
	if err != nil {
		return nil, err
	}
	w := &writer{root: root, defaults: defaults, done: map[string]bool{}}
	w.WriteString(preamble)
	w.section("Replication", root, "")
	return w.Bytes(), nil
}

// writer gathers the sections.
type writer struct {
	bytes.Buffer
	root     *jsonschema.Schema
	defaults any
	done     map[string]bool
}

// section writes the table of one type, then those of the types of its fields.
// at is the path of a value of the type.
func (w *writer) section(name string, s *jsonschema.Schema, at string) {
	fmt.Fprintf(w, "\n## %s\n\n", name)
	if at != "" {
		fmt.Fprintf(w, "`%s`: ", at)
	}
	fmt.Fprintf(w, "%s\n\n| field | type | default | meaning |\n|---|---|---|---|\n", s.Description)
	for pair := s.Properties.Oldest(); pair != nil; pair = pair.Next() {
		p := pair.Value
		fmt.Fprintf(w, "| `%s` | %s | %s | %s |\n", pair.Key, w.typeOf(p), w.defaultOf(s, join(at, pair.Key)), strings.ReplaceAll(w.meaning(p), "|", `\|`))
	}
	for pair := s.Properties.Oldest(); pair != nil; pair = pair.Next() {
		p, at := pair.Value, join(at, pair.Key)
		switch {
		case p.Items != nil:
			p, at = p.Items, at+"[]"
		case p.AdditionalProperties != nil && p.Type == "object":
			p, at = p.AdditionalProperties, at+".<name>"
		}
		if name := path.Base(p.Ref); p.Ref != "" && !w.done[name] {
			w.done[name] = true
			w.section(name, w.root.Definitions[name], at)
		}
	}
}

func (w *writer) typeOf(s *jsonschema.Schema) string {
	switch {
	case s.Ref != "":
		name := path.Base(s.Ref)
		return fmt.Sprintf("[%s](#%s)", name, strings.ToLower(name))
	case s.Type == "array":
		return "list of " + w.typeOf(s.Items)
	case s.Title != "":
		return s.Title + " of Kubernetes"
	case s.Type == "object" && s.AdditionalProperties != nil:
		return "map of " + w.typeOf(s.AdditionalProperties)
	case s.Const != nil:
		return fmt.Sprintf("`%v`", s.Const)
	case len(s.Enum) > 0:
		var all []string
		for _, v := range s.Enum {
			all = append(all, fmt.Sprintf("`%v`", v))
		}
		return strings.Join(all, ", ")
	}
	return s.Type
}

// meaning is the field's comment, or that of its type.
func (w *writer) meaning(s *jsonschema.Schema) string {
	if s.Description == "" && s.Ref != "" {
		return w.root.Definitions[path.Base(s.Ref)].Description
	}
	return s.Description
}

// defaultOf returns what the field at a path is when it is left out.
func (w *writer) defaultOf(parent *jsonschema.Schema, at string) string {
	if slices.Contains(parent.Required, path.Ext("." + at)[1:]) {
		return "required"
	}
	value := w.defaults
	for _, name := range strings.Split(strings.ReplaceAll(at, "[]", ".[]"), ".") {
		switch v := value.(type) {
		case map[string]any:
			value = v[name]
		case []any:
			value = v[0]
		}
	}
	switch value.(type) {
	case nil, map[string]any:
		return ""
	}
	text, err := json.Marshal(value)
	if err != nil {
		return ""
	}
	return "`" + strings.Trim(string(text), `"`) + "`"
}

// defaultValues returns a replication in which everything that can have a
// default got it, as decoded JSON. Its one site is named as in the paths.
func defaultValues() (any, error) {
	r := &spec.Replication{Spec: spec.Spec{
		Sites:        map[string]spec.Site{"<name>": {}},
		Destinations: []spec.Destination{{}},
		Rsync:        &spec.Rsync{},
		Rclone:       &spec.Rclone{CustomCA: &spec.CustomCA{}},
		Schedule:     &spec.Schedule{},
	}}
	spec.Default(r)
	text, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encoding the defaults: %w", err)
	}
	var values any
	return values, json.Unmarshal(text, &values)
}

func join(at, name string) string { return strings.TrimPrefix(at+"."+name, ".") }
