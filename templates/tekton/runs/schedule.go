package runs

import (
	"context"
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/backube/scribe-gen/templates/remote"
)

// Schedule reads the pipeline's CronJob.
func (e *Engine) Schedule(ctx context.Context, pipeline string) (*remote.Schedule, error) {
	c, err := e.core.BatchV1().CronJobs(e.space).Get(ctx, pipeline, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	s := &remote.Schedule{Suspended: c.Spec.Suspend != nil && *c.Spec.Suspend}
	if last := c.Status.LastScheduleTime; last != nil {
		s.Last = last.Time
		if done := c.Status.LastSuccessfulTime; len(c.Status.Active) == 0 && (done == nil || done.Before(last)) {
			s.Problem, err = e.failedStart(ctx, c)
		}
	}
	return s, err
}

// failedStart says why the newest Job of a CronJob could not start a run; empty when
// it could. Those that are not allowed to list Jobs are told nothing.
func (e *Engine) failedStart(ctx context.Context, c *batchv1.CronJob) (string, error) {
	jobs, err := e.core.BatchV1().Jobs(e.space).List(ctx, metav1.ListOptions{})
	if apierrors.IsForbidden(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("list Jobs: %w", err)
	}
	var newest *batchv1.Job
	for i := range jobs.Items {
		j := &jobs.Items[i]
		if metav1.IsControlledBy(j, c) && (newest == nil || newest.CreationTimestamp.Before(&j.CreationTimestamp)) {
			newest = j
		}
	}
	if newest == nil {
		return "", nil
	}
	for _, condition := range newest.Status.Conditions {
		if condition.Type == batchv1.JobFailed && condition.Status == corev1.ConditionTrue {
			return fmt.Sprintf("Job %s could not start a run: %s; its pod's log says why", newest.Name, condition.Message), nil
		}
	}
	return "", nil
}
