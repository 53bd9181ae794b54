package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
)

// object is what the summary tells of a Kubernetes object.
type object struct {
	Kind     string `json:"kind"`
	Metadata struct {
		Name      string `json:"name"`
		Namespace string `json:"namespace"`
	} `json:"metadata"`
}

// summarizeObjects returns a table of the objects in a YAML stream: how many of
// each kind, in which namespace.
func summarizeObjects(stream []byte) (string, error) {
	type group struct{ namespace, kind string }
	names := map[group][]string{}
	decoder := utilyaml.NewYAMLOrJSONDecoder(bytes.NewReader(stream), 4096)
	for {
		var o object
		err := decoder.Decode(&o)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", fmt.Errorf("read the bundle: %w", err)
		}
		if o.Kind != "" {
			g := group{o.Metadata.Namespace, o.Kind}
			names[g] = append(names[g], o.Metadata.Name)
		}
	}
	if len(names) == 0 {
		return "", errors.New("the bundle holds no objects")
	}
	var out strings.Builder
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAMESPACE\tKIND\tNAMES")
	groups := slices.SortedFunc(maps.Keys(names), func(a, b group) int {
		return strings.Compare(a.namespace+"\x00"+a.kind, b.namespace+"\x00"+b.kind)
	})
	for _, g := range groups {
		fmt.Fprintf(w, "%s\t%s\t%s\n", g.namespace, g.kind, strings.Join(names[g], ", "))
	}
	err := w.Flush()
	return out.String(), err
}
