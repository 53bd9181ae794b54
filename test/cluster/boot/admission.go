package boot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/backube/scribe-gen/test/cluster/build"
)

// awaitAdmission waits until Tekton's objects are converted, defaulted and
// validated. The webhook has to tell the API server first where and by whose
// certificate it is found, and the API server to take note.
func (c *Cluster) awaitAdmission(ctx context.Context) error {
	return c.await(ctx, "Tekton's objects are converted, defaulted and validated", func(ctx context.Context) error {
		if err := c.awaitConversions(ctx); err != nil {
			return err
		}
		for {
			err := c.tryAdmission(ctx)
			if err == nil {
				return nil
			}
			select {
			case <-ctx.Done():
				return err
			case <-time.After(probeInterval): // nothing says when the API server has taken note
			}
		}
	}, TektonWebhook, APIServer)
}

// awaitConversions waits until each CustomResourceDefinition that the webhook
// converts has the certificate of the webhook's authority.
func (c *Cluster) awaitConversions(ctx context.Context) error {
	raw, err := os.ReadFile(c.definitions(build.Tekton))
	if err != nil {
		return err
	}
	var list []map[string]any
	if err := json.Unmarshal(raw, &list); err != nil {
		return fmt.Errorf("decode custom resources: %w", err)
	}
	for _, definition := range list {
		o := &unstructured.Unstructured{Object: definition}
		if strategy, _, _ := unstructured.NestedString(o.Object, "spec", "conversion", "strategy"); strategy != "Webhook" {
			continue
		}
		if err := c.watchUntil(ctx, customResources, "", o.GetName(), hasAuthority); err != nil {
			return fmt.Errorf("conversion of %s: %w", o.GetName(), err)
		}
	}
	return nil
}

// hasAuthority reports whether the API server can verify the webhook that converts
// a custom resource.
func hasAuthority(definition *unstructured.Unstructured) bool {
	bundle, _, _ := unstructured.NestedString(definition.Object, "spec", "conversion", "webhook", "clientConfig", "caBundle")
	return bundle != ""
}

// tryAdmission asks the API server to take two Pipelines, without making them: one
// to which a default has to be added, and one that is wrong.
func (c *Cluster) tryAdmission(ctx context.Context) error {
	client, err := dynamic.NewForConfig(c.config)
	if err != nil {
		return err
	}
	pipelines := client.Resource(schema.GroupVersionResource{Group: "tekton.dev", Version: "v1", Resource: "pipelines"}).Namespace(tektonNamespace)
	dryRun := metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}
	task := map[string]any{"name": "probe", "taskRef": map[string]any{"name": "probe"}}
	defaulted, err := pipelines.Create(ctx, pipelineOf(task), dryRun)
	if err != nil {
		return err
	}
	tasks, _, _ := unstructured.NestedSlice(defaulted.Object, "spec", "tasks")
	if kind, _, _ := unstructured.NestedString(tasks[0].(map[string]any), "taskRef", "kind"); kind != "Task" {
		return errors.New("a Pipeline was not defaulted")
	}
	if _, err := pipelines.Create(ctx, pipelineOf(task, task), dryRun); err == nil {
		return errors.New("a Pipeline with two tasks of one name was accepted")
	}
	return nil
}

func pipelineOf(tasks ...any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "tekton.dev/v1", "kind": "Pipeline",
		"metadata": map[string]any{"name": "probe"},
		"spec":     map[string]any{"tasks": tasks},
	}}
}
