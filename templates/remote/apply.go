package remote

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"

	"github.com/backube/scribe-gen/generator/manifest"
)

// The verbs of requests, as rights name them; applying takes get and patch, and
// create for what is new.
const (
	verbGet    = "get"
	verbList   = "list"
	verbApply  = "apply"
	verbDelete = "delete"
)

// Done is what applying did to an object.
type Done string

// What applying does.
const (
	Created   Done = "created"
	Changed   Done = "changed"
	Unchanged Done = "unchanged"
)

// Change is one object that was applied.
type Change struct {
	Object *unstructured.Unstructured
	Done   Done
}

// String is the object's kind and name.
func (c Change) String() string { return describe(c.Object) }

func describe(o *unstructured.Unstructured) string { return o.GetKind() + " " + o.GetName() }

// Objects returns the objects of a bundle exactly as the compiler prints them.
func Objects(b manifest.Bundle) ([]*unstructured.Unstructured, error) {
	var stream bytes.Buffer
	if err := manifest.Encode(&stream, []manifest.Bundle{b}); err != nil {
		return nil, err
	}
	documents := yaml.NewYAMLReader(bufio.NewReader(&stream))
	var objects []*unstructured.Unstructured
	for {
		text, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		o := &unstructured.Unstructured{}
		if err == nil {
			text, err = yaml.ToJSON(text)
		}
		if string(text) == "null" {
			continue // the header's comment
		}
		if err == nil {
			err = o.UnmarshalJSON(text)
		}
		if err != nil {
			return nil, fmt.Errorf("site %s: read back the bundle: %w", b.Site, err)
		}
		objects = append(objects, o)
	}
}

// Apply applies the objects server-side, in their order, and returns what became
// of each up to the first error. With force, fields that another manager has set
// are taken over; without it they are an error.
func (s *Session) Apply(ctx context.Context, objects []*unstructured.Unstructured, force bool) ([]Change, error) {
	var changes []Change
	for _, o := range objects {
		done, err := s.apply(ctx, o, force)
		if err != nil {
			return changes, s.failed(verbApply, describe(o), err)
		}
		changes = append(changes, Change{o, done})
	}
	return changes, nil
}

// apply tells by the resource version whether anything changed: the API server
// leaves it alone when an apply changes nothing.
func (s *Session) apply(ctx context.Context, o *unstructured.Unstructured, force bool) (Done, error) {
	client, err := s.resource(o)
	if err != nil {
		return "", err
	}
	before, err := client.Get(ctx, o.GetName(), metav1.GetOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return "", err
	}
	absent := err != nil
	after, err := client.Apply(ctx, o.GetName(), o, metav1.ApplyOptions{FieldManager: FieldManager, Force: force})
	switch {
	case err != nil:
		return "", err
	case absent:
		return Created, nil
	case before.GetResourceVersion() == after.GetResourceVersion():
		return Unchanged, nil
	}
	return Changed, nil
}

// Remove deletes objects that Apply created, last first; those that are gone are
// no error. PersistentVolumeClaims stay, as a replica is never removed.
func (s *Session) Remove(ctx context.Context, changes []Change) ([]Change, error) {
	var removed []Change
	var errs []error
	for i := len(changes) - 1; i >= 0; i-- {
		c := changes[i]
		if c.Done != Created || c.Object.GetKind() == "PersistentVolumeClaim" {
			continue
		}
		client, err := s.resource(c.Object)
		if err == nil {
			err = client.Delete(ctx, c.Object.GetName(), metav1.DeleteOptions{})
		}
		switch {
		case err == nil:
			removed = append(removed, c)
		case !apierrors.IsNotFound(err):
			errs = append(errs, s.failed(verbDelete, c.String(), err))
		}
	}
	return removed, errors.Join(errs...)
}

// resource is the client for objects like o.
func (s *Session) resource(o *unstructured.Unstructured) (dynamic.ResourceInterface, error) {
	kind := o.GroupVersionKind()
	mapping, err := s.Mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if meta.IsNoMatchError(err) {
		return nil, &NoKindError{Kind: kind.Kind, Version: kind.GroupVersion().String()}
	}
	if err != nil {
		return nil, err
	}
	client := s.Dynamic.Resource(mapping.Resource)
	if mapping.Scope.Name() == meta.RESTScopeNameRoot {
		return client, nil
	}
	return client.Namespace(o.GetNamespace()), nil
}

// NoKindError is a kind that the cluster does not know.
type NoKindError struct{ Kind, Version string }

func (e *NoKindError) Error() string {
	return fmt.Sprintf("the cluster has no kind %s of %s", e.Kind, e.Version)
}

// Hint says what is missing.
func (e *NoKindError) Hint() string {
	return "install the site's workflow engine with its CustomResourceDefinitions first"
}
