package specdoc

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	validator "github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/backube/scribe-gen/generator/spec"
)

var update = flag.Bool("update", false, "write the schema and the reference into docs")

// docs is the documentation folder, seen from here.
const docs = "../../../../docs"

func current(t *testing.T, name string, want []byte) {
	t.Helper()
	file := filepath.Join(docs, name)
	if *update {
		require.NoError(t, os.MkdirAll(docs, 0o755))
		require.NoError(t, os.WriteFile(file, want, 0o644))
	}
	got, err := os.ReadFile(file)
	require.NoError(t, err, "write it with: go generate ./generator/spec/...")
	assert.Equal(t, string(want), string(got), "%s is not that of the types; write it with: go generate ./generator/spec/...", name)
}

func TestDocsAreCurrent(t *testing.T) {
	schema, err := Schema()
	require.NoError(t, err)
	text, err := encode(schema)
	require.NoError(t, err)
	current(t, "replication.schema.json", text)
	reference, err := Reference(schema)
	require.NoError(t, err)
	current(t, "spec-reference.md", reference)
}

func TestEveryFieldIsDescribed(t *testing.T) {
	schema, err := Schema()
	require.NoError(t, err)
	w := &writer{root: schema}
	for name, definition := range schema.Definitions {
		for pair := definition.Properties.Oldest(); pair != nil; pair = pair.Next() {
			assert.NotEmpty(t, w.meaning(pair.Value), "%s.%s has no comment", name, pair.Key)
		}
	}
}

// TestSchemaAgreesWithParse gives the same documents to the schema and to the
// parser.
func TestSchemaAgreesWithParse(t *testing.T) {
	schema := compile(t)
	for _, test := range []struct {
		file  string
		valid bool
	}{
		{"../../testdata/full.yaml", true},
		{"../../testdata/rclone.yaml", true},
		{"../../testdata/minimal.yaml", true},
		{"../../../../examples/dr/replication.yaml", true},
		{"testdata/unknown-field.yaml", false},
		{"testdata/no-method.yaml", false},
		{"testdata/wrong-word.yaml", false},
		{"testdata/missing-site.yaml", false},
	} {
		t.Run(filepath.Base(test.file), func(t *testing.T) {
			data, err := os.ReadFile(test.file)
			require.NoError(t, err)
			text, err := yaml.YAMLToJSON(data)
			require.NoError(t, err)
			value, err := validator.UnmarshalJSON(bytes.NewReader(text))
			require.NoError(t, err)
			_, problems := spec.Parse(test.file, data)
			if err := schema.Validate(value); test.valid {
				assert.NoError(t, err)
				assert.Empty(t, problems)
			} else {
				assert.Error(t, err)
				assert.NotEmpty(t, problems)
			}
		})
	}
}

func compile(t *testing.T) *validator.Schema {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(docs, "replication.schema.json"))
	require.NoError(t, err)
	var document any
	require.NoError(t, json.Unmarshal(text, &document))
	compiler := validator.NewCompiler()
	compiler.DefaultDraft(validator.Draft2020)
	require.NoError(t, compiler.AddResource(schemaID, document))
	schema, err := compiler.Compile(schemaID)
	require.NoError(t, err)
	return schema
}
