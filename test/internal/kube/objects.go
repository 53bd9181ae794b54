package kube

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/backube/scribe-gen/generator/manifest"
)

// Objects returns what a bundle prints, so that tests apply the very bytes that
// users do.
func Objects(b manifest.Bundle) ([]*unstructured.Unstructured, error) {
	var printed bytes.Buffer
	if err := manifest.Encode(&printed, []manifest.Bundle{b}); err != nil {
		return nil, err
	}
	return Decode(&printed)
}

// Decode reads a YAML stream of objects. Empty documents are passed over.
func Decode(r io.Reader) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	decoder := yaml.NewYAMLOrJSONDecoder(r, 4096)
	for {
		// Raw, as only Unstructured's own decoding gives integers the type that they
		// have in the server's answers.
		var raw runtime.RawExtension
		err := decoder.Decode(&raw)
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err == nil && (len(raw.Raw) == 0 || bytes.Equal(raw.Raw, []byte("null"))) {
			continue
		}
		object := &unstructured.Unstructured{}
		if err == nil {
			err = object.UnmarshalJSON(raw.Raw)
		}
		if err != nil {
			return nil, fmt.Errorf("object %d: %w", len(objects)+1, err)
		}
		objects = append(objects, object)
	}
}

// Untyped returns a typed object that knows its kind as one that can be applied.
// The status, which is never applied, is left out.
func Untyped(object manifest.Object) (*unstructured.Unstructured, error) {
	tree, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return nil, fmt.Errorf("%T %s: %w", object, object.GetName(), err)
	}
	delete(tree, "status")
	unstructured.RemoveNestedField(tree, "metadata", "creationTimestamp")
	return &unstructured.Unstructured{Object: tree}, nil
}

// Describe names an object in messages, such as "Role wiki/scribe-a-b-push".
func Describe(object *unstructured.Unstructured) string {
	if object.GetNamespace() == "" {
		return object.GetKind() + " " + object.GetName()
	}
	return object.GetKind() + " " + object.GetNamespace() + "/" + object.GetName()
}
