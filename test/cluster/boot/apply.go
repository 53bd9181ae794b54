package boot

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"
)

//go:embed manifests/*.yaml
var manifests embed.FS

// fieldManager owns the fields of what up applies.
const fieldManager = "scribe-cluster"

// argoNamespace is where the workflow controller looks for its ConfigMap.
const argoNamespace = "argo"

// applyManifest applies one of the embedded manifests.
func (c *Cluster) applyManifest(ctx context.Context, name string) error {
	content, err := manifests.ReadFile("manifests/" + name)
	if err != nil {
		return err
	}
	return c.apply(ctx, content)
}

// apply applies the objects of a YAML stream.
func (c *Cluster) apply(ctx context.Context, stream []byte) error {
	client, err := dynamic.NewForConfig(c.config)
	if err != nil {
		return err
	}
	for decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(stream), 4<<10); ; {
		var o unstructured.Unstructured
		if err := decoder.Decode(&o); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("decode manifest: %w", err)
		}
		if len(o.Object) == 0 {
			continue
		}
		if err := applyObject(ctx, client, &o); err != nil {
			return err
		}
	}
}

// applyObject applies one object, by server-side apply.
func applyObject(ctx context.Context, client dynamic.Interface, o *unstructured.Unstructured) error {
	resource, _ := meta.UnsafeGuessKindToResource(o.GroupVersionKind())
	var to dynamic.ResourceInterface = client.Resource(resource)
	if o.GetNamespace() != "" {
		to = client.Resource(resource).Namespace(o.GetNamespace())
	}
	if _, err := to.Apply(ctx, o.GetName(), o, metav1.ApplyOptions{FieldManager: fieldManager, Force: true}); err != nil {
		return fmt.Errorf("apply %s %s: %w", o.GetKind(), o.GetName(), err)
	}
	return nil
}
