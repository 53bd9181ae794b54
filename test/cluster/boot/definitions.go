package boot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/google/renameio/v2"
	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/metadata"
	"sigs.k8s.io/yaml"

	"github.com/backube/scribe-gen/test/cluster/build"
)

// definitions are the modules that hold CustomResourceDefinitions, and where.
var definitions = []struct {
	component build.Component
	module    string
	files     string
}{
	{build.Argo, "github.com/argoproj/argo-workflows/v3", "manifests/base/crds/full/argoproj.io_*.yaml"},
	{build.Tekton, tektonModule, "config/300-crds/*.yaml"},
	{build.Sidecars, "github.com/kubernetes-csi/external-snapshotter/client/v8", "config/crd/*.storage.k8s.io_*.yaml"},
}

var customResources = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}

// collectDefinitions writes the CustomResourceDefinitions into the cluster's
// directory. Reading Argo's ten megabytes of YAML takes seconds, so what comes of
// it is kept beside the programs.
func collectDefinitions(ctx context.Context, b *build.Builder, l layout) error {
	for _, d := range definitions {
		dir, err := b.Module(ctx, d.component, d.module)
		if err != nil {
			return err
		}
		kept := filepath.Join(b.Cache, "definitions", string(d.component)+"-"+filepath.Base(dir)+".json")
		content, err := os.ReadFile(kept)
		if errors.Is(err, fs.ErrNotExist) {
			content, err = readDefinitions(filepath.Join(dir, d.files))
			if err == nil {
				err = errors.Join(os.MkdirAll(filepath.Dir(kept), 0o755), renameio.WriteFile(kept, content, 0o644))
			}
		}
		if err != nil {
			return fmt.Errorf("custom resources of %s: %w", d.module, err)
		}
		if err := l.write(l.definitions(d.component), content); err != nil {
			return err
		}
	}
	return nil
}

// readDefinitions returns the definitions in files as a JSON array. Descriptions
// are left out: they are most of it, change nothing in what is valid, and cost the
// API server seconds.
func readDefinitions(pattern string) ([]byte, error) {
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		return nil, errors.Join(fmt.Errorf("no files %s", pattern), err)
	}
	var list []any
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		var object map[string]any
		if err := yaml.Unmarshal(raw, &object); err != nil {
			return nil, fmt.Errorf("%s: %w", f, err)
		}
		dropDescriptions(object)
		list = append(list, object)
	}
	return json.Marshal(list)
}

// dropDescriptions removes every description from a schema. A property may have
// that name, too; its value is a schema and no text.
func dropDescriptions(node any) {
	switch n := node.(type) {
	case map[string]any:
		if _, text := n["description"].(string); text {
			delete(n, "description")
		}
		for _, child := range n {
			dropDescriptions(child)
		}
	case []any:
		for _, child := range n {
			dropDescriptions(child)
		}
	}
}

// applyDefinitions applies the CustomResourceDefinitions that etcd did not begin
// with, and waits until the API server serves all of them.
func (c *Cluster) applyDefinitions(ctx context.Context) error {
	client, err := dynamic.NewForConfig(c.config)
	if err != nil {
		return err
	}
	there, err := metadata.NewForConfig(c.config)
	if err != nil {
		return err
	}
	group, running := errgroup.WithContext(ctx)
	group.SetLimit(4)
	var resources []schema.GroupVersionResource
	for _, d := range definitions {
		raw, err := os.ReadFile(c.definitions(d.component))
		if err != nil {
			return err
		}
		var list []map[string]any
		if err := json.Unmarshal(raw, &list); err != nil {
			return fmt.Errorf("decode custom resources: %w", err)
		}
		for _, object := range list {
			o := &unstructured.Unstructured{Object: object}
			resources = append(resources, served(o))
			group.Go(func() error {
				// Of a definition that is there its name will do.
				_, err := there.Resource(customResources).Get(running, o.GetName(), metav1.GetOptions{})
				if !apierrors.IsNotFound(err) {
					return err
				}
				return applyObject(running, client, o)
			})
		}
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return c.awaitServed(ctx, client, resources)
}

// served returns the custom resource of a definition, in the version that is
// stored: asking for another one may need a webhook, and a warning.
func served(o *unstructured.Unstructured) schema.GroupVersionResource {
	var r schema.GroupVersionResource
	r.Group, _, _ = unstructured.NestedString(o.Object, "spec", "group")
	r.Resource, _, _ = unstructured.NestedString(o.Object, "spec", "names", "plural")
	versions, _, _ := unstructured.NestedSlice(o.Object, "spec", "versions")
	for _, v := range versions {
		if m, ok := v.(map[string]any); ok && m["storage"] == true {
			r.Version, _ = m["name"].(string)
			break
		}
	}
	return r
}

// awaitServed waits until the API server answers for each custom resource: a
// controller that comes earlier gives up.
func (c *Cluster) awaitServed(ctx context.Context, client dynamic.Interface, resources []schema.GroupVersionResource) error {
	for _, r := range resources {
		if err := c.await(ctx, r.GroupResource().String()+" is served", func(ctx context.Context) error {
			for {
				_, err := client.Resource(r).List(ctx, metav1.ListOptions{Limit: 1})
				if err == nil {
					return nil
				}
				select {
				case <-ctx.Done():
					return err
				case <-time.After(probeInterval): // a condition says established a little too early
				}
			}
		}, APIServer); err != nil {
			return err
		}
	}
	return c.awaitDiscovered(ctx, resources)
}

// awaitDiscovered waits until the API server also tells of the custom resources,
// which it does for established ones only: it serves them a little earlier, and
// clients that read the list then do not know the kinds.
func (c *Cluster) awaitDiscovered(ctx context.Context, resources []schema.GroupVersionResource) error {
	client, err := discovery.NewDiscoveryClientForConfig(c.config)
	if err != nil {
		return err
	}
	return c.await(ctx, "the custom resources are in the discovery document", func(ctx context.Context) error {
		for {
			missing := undiscovered(client, resources)
			if missing == nil {
				return nil
			}
			select {
			case <-ctx.Done():
				return missing
			case <-time.After(probeInterval):
			}
		}
	}, APIServer)
}

// undiscovered names a resource that the API server does not tell of.
func undiscovered(client discovery.DiscoveryInterface, resources []schema.GroupVersionResource) error {
	_, lists, err := client.ServerGroupsAndResources()
	if err != nil {
		return err
	}
	known := map[schema.GroupVersionResource]bool{}
	for _, list := range lists {
		version, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			return err
		}
		for _, r := range list.APIResources {
			known[version.WithResource(r.Name)] = true
		}
	}
	for _, r := range resources {
		if !known[r] {
			return fmt.Errorf("%s is missing", r)
		}
	}
	return nil
}
