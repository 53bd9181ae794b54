package tekton

import (
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/backube/scribe-gen/generator/manifest"
	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/templates/internal/podspec"
)

// How the CronJob's pod sees its Job's name and the skeleton.
const (
	jobNameVariable = "JOB_NAME"
	skeletonMount   = "skeleton"
	skeletonPath    = "/etc/scribe/run"
)

// history is how many runs of a schedule stay, of those that succeeded and of the
// others each.
const history = 3

// startSlack is the time to start the pod and to create the run.
const startSlack = 10 * time.Minute

// starters are the CronJob that starts a pipeline's runs, and its account.
func (r relationship) starters(p *plan.Pipeline) ([]manifest.Object, error) {
	name := startName(p.Name)
	account := plan.Account{Name: name, Role: name, Create: true, Rules: []plan.Rule{startsRuns}}
	job, err := r.cronJob(p)
	return append(r.Access(account, nil), job), err
}

// cronJob starts runs and holds nothing else, so that a run by hand and a run by
// schedule are the same. A run has the name of its Job, so that a Job that is tried
// again starts no second one.
func (r relationship) cronJob(p *plan.Pipeline) (*batchv1.CronJob, error) {
	s := startStep(r, p)
	container, err := podspec.Container("main", s, variables(s))
	if err != nil {
		return nil, err
	}
	volumes, err := podspec.Volumes(s, variables(s))
	if err != nil {
		return nil, err
	}
	security, err := podspec.PodSecurity(s.Pod)
	if err != nil {
		return nil, err
	}
	container.Env = []corev1.EnvVar{{Name: jobNameVariable, ValueFrom: &corev1.EnvVarSource{
		FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.labels['" + batchv1.JobNameLabel + "']"},
	}}}
	deadline, backoff, kept := int64(p.Schedule.StartingDeadline.Seconds()), int32(2), int32(1)
	limit := int64(s.Timeout.Seconds())
	job := &batchv1.CronJob{
		TypeMeta:   metav1.TypeMeta{APIVersion: batchv1.SchemeGroupVersion.String(), Kind: "CronJob"},
		ObjectMeta: r.OfRole(p.Name, p.Role),
		Spec: batchv1.CronJobSpec{
			Schedule: p.Schedule.Cron,
			TimeZone: &p.Schedule.TimeZone, // else the controller's own, which nobody knows
			// Replace would start a second run beside the first.
			ConcurrencyPolicy:          batchv1.ForbidConcurrent,
			StartingDeadlineSeconds:    &deadline,
			SuccessfulJobsHistoryLimit: &kept,
			FailedJobsHistoryLimit:     &kept,
			JobTemplate: batchv1.JobTemplateSpec{Spec: batchv1.JobSpec{
				BackoffLimit: &backoff, ActiveDeadlineSeconds: &limit,
				Template: corev1.PodTemplateSpec{
					ObjectMeta: metav1.ObjectMeta{Labels: podspec.Labels(r.Plan.Replication, r.Name, p.Role, s, unknownRun), Annotations: podspec.Annotations(s)},
					Spec: corev1.PodSpec{
						ServiceAccountName: s.Account, RestartPolicy: corev1.RestartPolicyNever,
						SecurityContext: security, Containers: []corev1.Container{container}, Volumes: volumes,
						NodeSelector: s.Pod.NodeSelector, Tolerations: s.Pod.Tolerations,
						PriorityClassName: s.Pod.PriorityClassName,
					},
				},
			}},
		},
	}
	if p.Schedule.Suspend {
		// Printed only when true: a GitOps tool would else undo a person's patch.
		job.Spec.Suspend = &p.Schedule.Suspend
	}
	return job, nil
}

// startStep is what the CronJob runs, placed like the pipeline's first step. It
// waits for a run that is active as long as a start may be late.
func startStep(r relationship, p *plan.Pipeline) *plan.Step {
	return &plan.Step{
		Name: "start",
		Command: &contract.TektonStart{
			Common:   contract.Common{Replication: r.Plan.Replication, Relationship: r.Name},
			Skeleton: plan.MountPath(skeletonMount) + "/" + SkeletonKey,
			Name:     "$(" + jobNameVariable + ")",
			Wait:     p.Schedule.StartingDeadline,
			Keep:     history,
		},
		Mounts: []plan.Mount{{
			Name: skeletonMount, Kind: plan.MountText, Source: SkeletonName(p.Name), Path: skeletonPath, ReadOnly: true,
		}},
		Account: startName(p.Name),
		Pod:     p.Steps[0].Pod,
		Timeout: p.Schedule.StartingDeadline + startSlack,
	}
}
