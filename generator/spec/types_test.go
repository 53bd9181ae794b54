package spec

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
	"go.yaml.in/yaml/v3"
)

// TestEveryTypeCanBeDecoded walks the types of a replication, those of Kubernetes
// included, as the decoder does: a kind of field that it cannot set is found
// here, not by a user.
func TestEveryTypeCanBeDecoded(t *testing.T) {
	seen := map[reflect.Type]bool{}
	var walk func(typ reflect.Type)
	walk = func(typ reflect.Type) {
		if seen[typ] {
			return
		}
		seen[typ] = true
		for _, text := range []string{"1", "true", "text", "{}", "[]"} {
			var n yaml.Node
			assert.NoError(t, yaml.Unmarshal([]byte(text), &n))
			d := decoder{places: map[string]*yaml.Node{}}
			d.decode(n.Content[0], reflect.New(typ).Elem(), nil)
			assert.NotContains(t, d.problems.Error(), "cannot be set", typ)
		}
		switch typ.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			walk(typ.Elem())
		case reflect.Struct:
			for _, index := range fieldsOf(typ) {
				walk(typ.FieldByIndex(index).Type)
			}
		}
	}
	walk(reflect.TypeFor[Replication]())
	assert.Greater(t, len(seen), 40)
}

func TestNearest(t *testing.T) {
	known := []string{"namespace", "engine", "context"}
	for word, want := range map[string]string{
		"namepsace": "namespace", "Namespace": "namespace", "engin": "engine", "contxt": "context",
		"color": "", "": "",
	} {
		got, ok := nearest(word, known)
		assert.Equal(t, want, got, word)
		assert.Equal(t, want != "", ok)
	}
	for _, test := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"", "ab", 2}, {"kitten", "sitting", 3}, {"same", "same", 0}} {
		assert.Equal(t, test.want, distance(test.a, test.b))
	}
}
