// Package runs starts and follows runs of the pipelines that package tekton
// generates: PipelineRuns of its Pipelines, however they were started.
package runs

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	v1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	"github.com/tektoncd/pipeline/pkg/client/clientset/versioned"
	typed "github.com/tektoncd/pipeline/pkg/client/clientset/versioned/typed/pipeline/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/templates/remote"
)

// Labels that Tekton itself sets on PipelineRuns and TaskRuns.
const (
	labelPipelineRun  = "tekton.dev/pipelineRun"
	labelPipelineTask = "tekton.dev/pipelineTask"
)

// Engine is Tekton Pipelines in one namespace. It implements [remote.Engine].
type Engine struct {
	client typed.TektonV1Interface
	core   kubernetes.Interface
	space  string
}

// New returns the engine of a namespace.
func New(config *rest.Config, namespace string) (remote.Engine, error) {
	client, err := versioned.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make a client for Tekton Pipelines: %w", err)
	}
	core, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make a client for ConfigMaps and CronJobs: %w", err)
	}
	return Of(client, core, namespace), nil
}

// Of returns the engine of a namespace that the clients reach.
func Of(client versioned.Interface, core kubernetes.Interface, namespace string) *Engine {
	return &Engine{client: client.TektonV1(), core: core, space: namespace}
}

func (e *Engine) pipelineRuns() typed.PipelineRunInterface { return e.client.PipelineRuns(e.space) }

func (e *Engine) taskRuns() typed.TaskRunInterface { return e.client.TaskRuns(e.space) }

// List lists the PipelineRuns of the relationship, with their TaskRuns.
func (e *Engine) List(ctx context.Context, relationship string) ([]remote.Run, error) {
	which := selected(contract.LabelRelationship, relationship)
	list, err := e.pipelineRuns().List(ctx, which)
	if err != nil {
		return nil, err
	}
	tasks, err := e.taskRuns().List(ctx, which)
	if err != nil {
		return nil, err
	}
	byRun := map[string][]*v1.TaskRun{}
	for i := range tasks.Items {
		run := tasks.Items[i].Labels[labelPipelineRun]
		byRun[run] = append(byRun[run], &tasks.Items[i])
	}
	var all []remote.Run
	for i := range list.Items {
		r := &list.Items[i]
		all = append(all, runOf(r, byRun[r.Name], older(r, list.Items)))
	}
	slices.SortStableFunc(all, func(a, b remote.Run) int { return b.Submitted.Compare(a.Submitted) })
	return all, nil
}

// Stop asks the controller to end the steps and to run what must run finally. A run
// that somebody else is ending already is left to it.
func (e *Engine) Stop(ctx context.Context, name string) error {
	r, err := e.pipelineRuns().Get(ctx, name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return nil
	case err != nil:
		return err
	case r.IsDone() || r.IsCancelled() || r.IsGracefullyCancelled():
		return nil
	}
	patch, err := json.Marshal(map[string]any{"spec": map[string]any{"status": v1.PipelineRunSpecStatusCancelledRunFinally}})
	if err != nil {
		return err
	}
	_, err = e.pipelineRuns().Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: remote.FieldManager})
	if err == nil || apierrors.IsNotFound(err) {
		return nil
	}
	// It may have ended meanwhile: then the webhook refuses every change.
	if r, again := e.pipelineRuns().Get(ctx, name, metav1.GetOptions{}); apierrors.IsNotFound(again) || again == nil && r.IsDone() {
		return nil
	}
	return err
}

// Delete removes a PipelineRun; its TaskRuns and pods go with it.
func (e *Engine) Delete(ctx context.Context, name string) error {
	err := e.pipelineRuns().Delete(ctx, name, metav1.DeleteOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// selected asks for the objects with a label.
func selected(label, value string) metav1.ListOptions {
	return metav1.ListOptions{LabelSelector: labels.Set{label: value}.String()}
}
