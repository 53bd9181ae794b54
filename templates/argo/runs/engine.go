// Package runs starts and follows runs of the pipelines that package argo
// generates: Workflows of its WorkflowTemplates, however they were started.
package runs

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	"github.com/argoproj/argo-workflows/v3/pkg/client/clientset/versioned"
	typed "github.com/argoproj/argo-workflows/v3/pkg/client/clientset/versioned/typed/workflow/v1alpha1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	typedcore "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/templates/internal/follow"
	"github.com/backube/scribe-gen/templates/remote"
)

// Labels that Argo itself sets on Workflows.
const (
	labelTemplate = "workflows.argoproj.io/workflow-template"
	labelCron     = "workflows.argoproj.io/cron-workflow"
)

// Engine is Argo Workflows in one namespace. It implements [remote.Engine].
type Engine struct {
	client typed.ArgoprojV1alpha1Interface
	core   typedcore.CoreV1Interface
	space  string
}

// New returns the engine of a namespace.
func New(config *rest.Config, namespace string) (remote.Engine, error) {
	client, err := versioned.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make a client for Argo Workflows: %w", err)
	}
	core, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make a client for pods: %w", err)
	}
	return Of(client, core, namespace), nil
}

// Of returns the engine of a namespace that the clients reach.
func Of(client versioned.Interface, core kubernetes.Interface, namespace string) *Engine {
	return &Engine{client: client.ArgoprojV1alpha1(), core: core.CoreV1(), space: namespace}
}

func (e *Engine) workflows() typed.WorkflowInterface { return e.client.Workflows(e.space) }

// Submit creates a Workflow of the pipeline's WorkflowTemplate.
func (e *Engine) Submit(ctx context.Context, s remote.Submission) (remote.Run, error) {
	template, err := e.client.WorkflowTemplates(e.space).Get(ctx, s.Pipeline, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return remote.Run{}, &remote.NotAppliedError{Pipeline: s.Pipeline}
	}
	if err != nil {
		return remote.Run{}, err
	}
	w, err := workflow(template, s)
	if err != nil {
		return remote.Run{}, err
	}
	w, err = e.workflows().Create(ctx, w, metav1.CreateOptions{FieldManager: remote.FieldManager})
	if err != nil {
		return remote.Run{}, err
	}
	return runOf(w), nil
}

// workflow is the Workflow of a submission. It refers to the template, as the one
// of a CronWorkflow does, so that a run by hand and one by schedule are the same.
func workflow(template *wfv1.WorkflowTemplate, s remote.Submission) (*wfv1.Workflow, error) {
	w := &wfv1.Workflow{
		ObjectMeta: metav1.ObjectMeta{GenerateName: s.Pipeline + "-", Labels: map[string]string{labelTemplate: s.Pipeline}},
		Spec:       wfv1.WorkflowSpec{WorkflowTemplateRef: &wfv1.WorkflowTemplateRef{Name: s.Pipeline}},
	}
	// The template's labels of runs come from the controller a moment later; who
	// looks meanwhile should find the run, too.
	if m := template.Spec.WorkflowMetadata; m != nil {
		for key, value := range m.Labels {
			w.Labels[key] = value
		}
	}
	for key, value := range s.Labels {
		w.Labels[key] = value
	}
	for name, value := range s.Params {
		known := func(p wfv1.Parameter) bool { return p.Name == name }
		if !slices.ContainsFunc(template.Spec.Arguments.Parameters, known) {
			return nil, fmt.Errorf("WorkflowTemplate %s has no parameter %s: it is of another version; apply the bundle again", s.Pipeline, name)
		}
		w.Spec.Arguments.Parameters = append(w.Spec.Arguments.Parameters, wfv1.Parameter{
			Name: name, Value: wfv1.AnyStringPtr(value),
		})
	}
	slices.SortFunc(w.Spec.Arguments.Parameters, func(a, b wfv1.Parameter) int {
		return strings.Compare(a.Name, b.Name)
	})
	if s.Step != "" {
		w.Spec.Entrypoint = s.Step
		w.Spec.Synchronization = &wfv1.Synchronization{Mutexes: []*wfv1.Mutex{{Name: s.Pipeline + "-" + s.Step}}}
	}
	if s.Timeout > 0 {
		seconds := int64((s.Timeout + time.Second - 1) / time.Second)
		w.Spec.ActiveDeadlineSeconds = &seconds
	}
	return w, nil
}

// Follow watches one Workflow, and its pods for what its steps say at their end.
func (e *Engine) Follow(ctx context.Context, name string, lost func(error), each func(remote.Run)) (remote.Run, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var last remote.Run
	var words *outcomes
	which := follow.Which{Fields: fields.OneTermEqualSelector(metav1.ObjectNameField, name).String()}
	err := follow.Until(ctx, e.workflows(), which, lost, func(w *wfv1.Workflow, deleted bool) (bool, error) {
		if w.Name != name {
			return false, nil
		}
		if words == nil {
			words = watchOutcomes(ctx, e.core.Pods(e.space), string(w.UID))
		}
		last = words.fill(runOf(w))
		over := last.Phase.Ended()
		if over {
			last = words.settle(ctx, last, settleLimit)
		}
		each(last)
		if deleted && !over {
			return true, &remote.DeletedError{Run: name}
		}
		return over, nil
	})
	return last, err
}

// List lists the Workflows of the relationship.
func (e *Engine) List(ctx context.Context, relationship string) ([]remote.Run, error) {
	list, err := e.workflows().List(ctx, metav1.ListOptions{
		LabelSelector: labels.Set{contract.LabelRelationship: relationship}.String(),
	})
	if err != nil {
		return nil, err
	}
	var all []remote.Run
	for i := range list.Items {
		all = append(all, runOf(&list.Items[i]))
	}
	slices.SortStableFunc(all, func(a, b remote.Run) int { return b.Submitted.Compare(a.Submitted) })
	return all, nil
}

// Stop asks the controller to end the steps and to run the exit handler.
func (e *Engine) Stop(ctx context.Context, name string) error {
	patch, err := json.Marshal(map[string]any{"spec": map[string]any{"shutdown": wfv1.ShutdownStrategyStop}})
	if err != nil {
		return err
	}
	_, err = e.workflows().Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: remote.FieldManager})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// Delete removes a Workflow.
func (e *Engine) Delete(ctx context.Context, name string) error {
	err := e.workflows().Delete(ctx, name, metav1.DeleteOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// Schedule reads the pipeline's CronWorkflow.
func (e *Engine) Schedule(ctx context.Context, pipeline string) (*remote.Schedule, error) {
	c, err := e.client.CronWorkflows(e.space).Get(ctx, pipeline, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	s := &remote.Schedule{Suspended: c.Spec.Suspend}
	if c.Status.LastScheduledTime != nil {
		s.Last = c.Status.LastScheduledTime.Time
	}
	for _, condition := range c.Status.Conditions {
		if condition.Status == metav1.ConditionTrue {
			s.Problem = condition.Message
		}
	}
	return s, nil
}
