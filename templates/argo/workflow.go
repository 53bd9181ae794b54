package argo

import (
	"time"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/backube/scribe-gen/generator/plan"
)

// Names of the templates that order the others. A single step that ends a run needs
// none.
const (
	entrypoint = "main"
	exit       = "finally"
)

// How long finished workflows that were started by hand stay; those of a schedule
// go by its history limits.
const (
	keepSucceeded = 24 * time.Hour
	keepFailed    = 7 * 24 * time.Hour
)

// Runs of a schedule that stay.
const history int32 = 3

// workflowTemplate is a pipeline. Argo stores it in each run, so that a change
// does not touch what is running.
func (r relationship) workflowTemplate(p *plan.Pipeline) (*wfv1.WorkflowTemplate, error) {
	w := &wfv1.WorkflowTemplate{
		TypeMeta:   argoType("WorkflowTemplate"),
		ObjectMeta: r.OfRole(p.Name, p.Role),
		Spec: wfv1.WorkflowSpec{
			Entrypoint:            entrypoint,
			Arguments:             arguments(p.Params),
			ActiveDeadlineSeconds: seconds(p.Timeout),
			WorkflowMetadata:      &wfv1.WorkflowMetadata{Labels: r.RoleLabels(p.Role)},
			// A finished pod holds its claims, and a copy that was deleted would stay
			// until the pod goes: so it goes at once. Logs are the log system's.
			PodGC: &wfv1.PodGC{Strategy: wfv1.PodGCOnPodCompletion, DeleteDelayDuration: "0s"},
			TTLStrategy: &wfv1.TTLStrategy{
				SecondsAfterSuccess: seconds32(keepSucceeded), SecondsAfterFailure: seconds32(keepFailed),
			},
			Templates: []wfv1.Template{dag(entrypoint, p)},
		},
	}
	if p.Lock != "" {
		w.Spec.Synchronization = &wfv1.Synchronization{Mutexes: []*wfv1.Mutex{{Name: p.Lock}}}
	}
	switch len(p.Finally) {
	case 0:
	case 1:
		w.Spec.OnExit = p.Finally[0].Name
	default:
		w.Spec.OnExit = exit
		w.Spec.Templates = append(w.Spec.Templates, parallel(exit, p.Finally))
	}
	pods, err := r.podTemplates(p)
	w.Spec.Templates = append(w.Spec.Templates, pods...)
	return w, err
}

// podTemplates are those that become pods: of the steps, and of what is started.
func (r relationship) podTemplates(p *plan.Pipeline) ([]wfv1.Template, error) {
	var list []wfv1.Template
	for _, steps := range [][]plan.Step{p.Steps, p.Finally} {
		for i := range steps {
			t, err := r.stepTemplate(p, &steps[i])
			if err != nil {
				return nil, err
			}
			list = append(list, t)
		}
	}
	for _, s := range p.Starts {
		t, err := r.startTemplate(p, s)
		if err != nil {
			return nil, err
		}
		list = append(list, t)
	}
	return list, nil
}

// parallel runs steps beside each other, whatever becomes of each. An exit handler
// is never a DAG: Argo fails that as soon as a run is stopped, calls the run over
// while its pod still works, and leaves the pod behind.
func parallel(name string, steps []plan.Step) wfv1.Template {
	var group wfv1.ParallelSteps
	for i := range steps {
		group.Steps = append(group.Steps, wfv1.WorkflowStep{Name: steps[i].Name, Template: steps[i].Name})
	}
	return wfv1.Template{Name: name, Steps: []wfv1.ParallelSteps{group}}
}

// cronWorkflow starts the pipeline's template. It holds nothing else, so that a
// run by hand and a run by schedule are the same.
func (r relationship) cronWorkflow(p *plan.Pipeline) *wfv1.CronWorkflow {
	limit := history
	return &wfv1.CronWorkflow{
		TypeMeta:   argoType("CronWorkflow"),
		ObjectMeta: r.OfRole(p.Name, p.Role),
		Spec: wfv1.CronWorkflowSpec{
			Schedules: []string{p.Schedule.Cron},
			Timezone:  p.Schedule.TimeZone, // else the controller's own, which nobody knows
			// Replace would terminate a run without its exit handler and leave its
			// copies behind.
			ConcurrencyPolicy:          wfv1.ForbidConcurrent,
			StartingDeadlineSeconds:    seconds(p.Schedule.StartingDeadline),
			SuccessfulJobsHistoryLimit: &limit,
			FailedJobsHistoryLimit:     &limit,
			// Printed only when true: a GitOps tool would else undo "argo cron suspend".
			Suspend:          p.Schedule.Suspend,
			WorkflowMetadata: &metav1.ObjectMeta{Labels: r.RoleLabels(p.Role)},
			WorkflowSpec: wfv1.WorkflowSpec{
				WorkflowTemplateRef: &wfv1.WorkflowTemplateRef{Name: p.Name},
			},
		},
	}
}

func argoType(kind string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: wfv1.SchemeGroupVersion.String(), Kind: kind}
}

// arguments are the parameters of a run, each with a default, as runs by schedule
// give none.
func arguments(params []plan.Param) wfv1.Arguments {
	var a wfv1.Arguments
	for _, p := range params {
		a.Parameters = append(a.Parameters, wfv1.Parameter{
			Name: p.Name, Value: wfv1.AnyStringPtr(p.Default), Description: wfv1.AnyStringPtr(p.Description),
		})
	}
	return a
}

// seconds rounds up to whole seconds.
func seconds(d time.Duration) *int64 {
	s := int64((d + time.Second - 1) / time.Second)
	return &s
}

func seconds32(d time.Duration) *int32 {
	s := int32(*seconds(d))
	return &s
}
