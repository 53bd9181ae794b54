// Package specdoc makes what people and editors read about the spec from the
// types in package spec: a JSON Schema and a field reference. Descriptions are
// the types' comments, so the functions read the source of package spec and must
// run in this package's directory, as go test and go generate do.
package specdoc

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/invopop/jsonschema"
	corev1 "k8s.io/api/core/v1"

	"github.com/backube/scribe-gen/generator/spec"
)

//go:generate go test . -update

const (
	// here is the import path of this package, from which source is read.
	here = "github.com/backube/scribe-gen/generator/spec/internal/specdoc"
	// source is the directory of package spec, seen from here.
	source = "../.."
	// schemaID identifies the schema.
	schemaID = "https://scribe.backube/v1alpha1/replication.schema.json"
	// label is a DNS label.
	label = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
)

// Schema returns the JSON Schema (draft 2020-12) of a replication. It accepts
// every valid spec; what validation refuses beyond structure, a schema cannot
// say.
func Schema() (*jsonschema.Schema, error) {
	reflector := jsonschema.Reflector{Mapper: mapped, ExpandedStruct: true}
	if err := reflector.AddGoComments(here, source, jsonschema.WithFullComment()); err != nil {
		return nil, fmt.Errorf("reading the comments of package spec: %w", err)
	}
	schema := reflector.Reflect(&spec.Replication{})
	schema.ID = schemaID
	schema.Title = "Replication"
	for _, definition := range schema.Definitions {
		unwrap(definition)
	}
	unwrap(schema)
	return schema, refine(schema)
}

// mapped returns the schemas of types that have one of their own: words, and the
// types of Kubernetes, whose fields Kubernetes documents.
func mapped(t reflect.Type) *jsonschema.Schema {
	switch t {
	case reflect.TypeFor[spec.Engine]():
		return words(spec.Engines())
	case reflect.TypeFor[spec.CopyMethod]():
		return words(spec.SourceCopyMethods())
	case reflect.TypeFor[spec.Compress]():
		return words(spec.CompressModes())
	case reflect.TypeFor[spec.Trigger]():
		return words(spec.Triggers())
	case reflect.TypeFor[spec.Privileges]():
		return words(spec.PrivilegeLevels())
	case reflect.TypeFor[corev1.PersistentVolumeAccessMode]():
		return words(spec.AccessModes())
	case reflect.TypeFor[corev1.ServiceType]():
		return words(spec.ServiceTypes())
	}
	if t.Kind() == reflect.Struct && strings.HasPrefix(t.PkgPath(), "k8s.io/") {
		return &jsonschema.Schema{Type: "object", Title: t.Name()}
	}
	return nil
}

func words[T ~string](values []T) *jsonschema.Schema {
	s := &jsonschema.Schema{Type: "string"}
	for _, v := range values {
		s.Enum = append(s.Enum, string(v))
	}
	return s
}

// refine adds what types do not tell.
func refine(root *jsonschema.Schema) error {
	var missing error
	property := func(definition, name string) *jsonschema.Schema {
		s := root
		if definition != "" {
			s = root.Definitions[definition]
		}
		if s != nil {
			if p, ok := s.Properties.Get(name); ok {
				return p
			}
		}
		missing = fmt.Errorf("the schema has no %s.%s", definition, name)
		return &jsonschema.Schema{}
	}
	property("", "apiVersion").Const = spec.APIVersion
	property("", "kind").Const = spec.Kind
	name := property("Metadata", "name")
	name.Pattern, name.MaxLength = label, new(uint64(spec.ReplicationNameLimit))
	property("Spec", "sites").MinProperties = new(uint64(1))
	property("Spec", "destinations").MinItems = new(uint64(1))
	property("Destination", "copyMethod").Enum = words(spec.DestinationCopyMethods()).Enum
	for _, rule := range []string{"last", "hourly", "daily", "weekly", "monthly"} {
		property("Retain", rule).Minimum = "0"
	}
	port := property("Service", "port")
	port.Minimum, port.Maximum = "1", "65535"
	property("Rsync", "streams").Minimum = "0"
	property("Retry", "limit").Minimum = "0"
	root.Definitions["Spec"].OneOf = []*jsonschema.Schema{{Required: []string{"rsync"}}, {Required: []string{"rclone"}}}
	return missing
}

// unwrap joins the lines of descriptions: in source they are broken for the
// width of a comment.
func unwrap(s *jsonschema.Schema) {
	s.Description = strings.Join(strings.Fields(s.Description), " ")
	for pair := s.Properties.Oldest(); pair != nil; pair = pair.Next() {
		unwrap(pair.Value)
	}
}

// encode prints the schema as it is kept in docs.
func encode(s *jsonschema.Schema) ([]byte, error) {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("printing the schema: %w", err)
	}
	return append(data, '\n'), nil
}
