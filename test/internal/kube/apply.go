package kube

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
)

// Manager is the field manager that [Cluster.Apply] applies as.
const Manager = "scribe-gen-test"

// Applied is the server's answer to an object that was applied.
type Applied struct {
	// Object is what is stored, or with a dry run what would be.
	Object *unstructured.Unstructured
	// Warnings are what the server had to say about it, such as a deprecated field.
	Warnings []string
}

// Option changes how an object is applied.
type Option func(*metav1.PatchOptions)

// DryRun has the server do everything but store.
func DryRun(o *metav1.PatchOptions) { o.DryRun = []string{metav1.DryRunAll} }

// Force takes fields over that another manager owns, instead of reporting a
// conflict.
func Force(o *metav1.PatchOptions) {
	force := true
	o.Force = &force
}

// By applies as another field manager.
func By(manager string) Option {
	return func(o *metav1.PatchOptions) { o.FieldManager = manager }
}

// Apply applies the object server-side with strict validation: fields that the
// server does not know, or that are there twice, are an error. So is a conflict
// with another manager, unless [Force] is given. The error wraps the server's.
func (c *Cluster) Apply(ctx context.Context, object *unstructured.Unstructured, options ...Option) (*Applied, error) {
	force := false
	o := metav1.PatchOptions{
		FieldManager: Manager, Force: &force, FieldValidation: metav1.FieldValidationStrict,
	}
	for _, option := range options {
		option(&o)
	}
	resource, err := c.Resource(object)
	if err != nil {
		return nil, err
	}
	data, err := object.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("printing %s: %w", Describe(object), err)
	}
	ctx, warned := withWarnings(ctx)
	stored, err := resource.Patch(ctx, object.GetName(), types.ApplyPatchType, data, o)
	if err != nil {
		return nil, fmt.Errorf("applying %s: %w", Describe(object), err)
	}
	return &Applied{Object: stored, Warnings: warned.list()}, nil
}

// ApplyAll applies the objects in their order and stops at the first error.
func (c *Cluster) ApplyAll(ctx context.Context, objects []*unstructured.Unstructured, options ...Option) ([]*Applied, error) {
	var all []*Applied
	for _, o := range objects {
		applied, err := c.Apply(ctx, o, options...)
		if err != nil {
			return all, err
		}
		all = append(all, applied)
	}
	return all, nil
}

// Get reads the object of the same kind, namespace and name.
func (c *Cluster) Get(ctx context.Context, object *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	resource, err := c.Resource(object)
	if err != nil {
		return nil, err
	}
	live, err := resource.Get(ctx, object.GetName(), metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", Describe(object), err)
	}
	return live, nil
}

// Resource is where objects of the same kind and namespace are found.
func (c *Cluster) Resource(object *unstructured.Unstructured) (dynamic.ResourceInterface, error) {
	kind := object.GroupVersionKind()
	mapping, err := c.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if meta.IsNoMatchError(err) {
		c.mapper.Reset() // what the server said before may be older than the kind
		mapping, err = c.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: finding its kind on the server: %w", Describe(object), err)
	}
	resource := c.Dynamic.Resource(mapping.Resource)
	if namespace := object.GetNamespace(); namespace != "" {
		return resource.Namespace(namespace), nil
	}
	return resource, nil
}
