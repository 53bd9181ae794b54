package kube

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const stream = `# a comment
---
apiVersion: v1
kind: ConfigMap
metadata: {name: a, namespace: wiki, labels: {example.com/x: "1"}}
data: {k: v}
---
---
apiVersion: example.com/v1
kind: Thing
metadata: {name: b}
spec: {count: 3, list: [{name: x}]}
`

func TestDecode(t *testing.T) {
	objects, err := Decode(strings.NewReader(stream))
	require.NoError(t, err)
	require.Len(t, objects, 2)
	assert.Equal(t, "ConfigMap wiki/a", Describe(objects[0]))
	assert.Equal(t, "Thing b", Describe(objects[1]))
	assert.IsType(t, int64(0), objects[1].Object["spec"].(map[string]any)["count"])
}

func TestDecodeNamesTheObject(t *testing.T) {
	_, err := Decode(strings.NewReader(stream + "---\n{}\n"))
	assert.ErrorContains(t, err, "object 3: ")
}

func TestCompare(t *testing.T) {
	before := map[string]any{
		"metadata": map[string]any{"labels": map[string]any{"example.com/x": "1"}},
		"spec":     map[string]any{"list": []any{map[string]any{"name": "x"}, "gone"}, "n": int64(1)},
	}
	after := map[string]any{
		"metadata": map[string]any{"labels": map[string]any{"example.com/x": "2"}, "uid": "u"},
		"spec":     map[string]any{"list": []any{map[string]any{"name": "x", "protocol": "TCP"}}, "n": int64(1)},
		"special":  true,
	}
	found := Compare(before, after)
	assert.Equal(t, strings.Join([]string{
		`metadata.labels["example.com/x"]: "1" -> "2"`,
		`metadata.uid: (absent) -> "u"`,
		`spec.list[0].protocol: (absent) -> "TCP"`,
		`spec.list[1]: "gone" -> (absent)`,
		`special: (absent) -> true`,
	}, "\n"), found.String())
	assert.Equal(t, strings.Join([]string{
		`metadata.labels["example.com/x"]: "1" -> "2"`,
		`spec.list[1]: "gone" -> (absent)`,
	}, "\n"), found.Lost().String())
	assert.Len(t, found.Below("spec"), 2)
	assert.Empty(t, Compare(before, before))
}

func TestExpand(t *testing.T) {
	got := Expand([]string{"get", "update"}, []string{""}, []string{"secrets"}, []string{"a", "b"})
	assert.Len(t, got, 4)
	assert.Contains(t, got, Right{Verb: "update", Resource: "secrets", Name: "b"})
	assert.Equal(t, "update secrets b", Right{Verb: "update", Resource: "secrets", Name: "b"}.String())
	assert.Equal(t, []Right{{Verb: "get", Group: "g", Resource: "r"}},
		Expand([]string{"get"}, []string{"g"}, []string{"r"}, nil))
}
