//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/backube/scribe-gen/test/e2e/internal/job"
	"github.com/backube/scribe-gen/test/e2e/internal/listing"
	"github.com/backube/scribe-gen/tree"
)

// pods reach data through pods that run the workbench. A VolumeSnapshot is looked
// at in a claim that is restored from it and goes afterwards.
type pods struct {
	*lab
	// restricted is set where namespaces enforce Pod Security Standard restricted.
	restricted bool
}

func (p pods) work(ctx context.Context, at place, j job.Job) error {
	_, err := p.run(ctx, at, j)
	return err
}

func (p pods) compare(ctx context.Context, a, b place, o tree.Options) (tree.Report, error) {
	lists := make([][]listing.Entry, 2)
	both, ctx := errgroup.WithContext(ctx)
	for i, at := range []place{a, b} {
		both.Go(func() error {
			text, err := p.run(ctx, at, job.List())
			if err == nil {
				lists[i], err = listing.Read(bytes.NewReader(text))
			}
			return err
		})
	}
	if err := both.Wait(); err != nil {
		return tree.Report{}, err
	}
	return listing.Compare(lists[0], lists[1], o), nil
}

// run runs a job and returns what it printed.
func (p pods) run(ctx context.Context, at place, j job.Job) (output []byte, err error) {
	if at.snapshot != "" {
		if at.claim, err = p.restore(ctx, at); err != nil {
			return nil, fmt.Errorf("restore %s to look at it: %w", at, err)
		}
		claims := p.kube.CoreV1().PersistentVolumeClaims(at.namespace)
		defer func() {
			err = errors.Join(err, claims.Delete(context.WithoutCancel(ctx), at.claim, metav1.DeleteOptions{}))
		}()
	}
	pod := p.pod(at.claim, j)
	if pod.Spec.NodeName, err = p.nodeOf(ctx, at); err != nil {
		return nil, err
	}
	return p.runPod(ctx, at.namespace, pod)
}

// restore makes a claim of the class of the snapshot's origin.
func (p pods) restore(ctx context.Context, at place) (string, error) {
	s, err := p.snapshots.SnapshotV1().VolumeSnapshots(at.namespace).Get(ctx, at.snapshot, metav1.GetOptions{})
	if err != nil {
		return "", err
	}
	claims := p.kube.CoreV1().PersistentVolumeClaims(at.namespace)
	origin, err := claims.Get(ctx, *s.Spec.Source.PersistentVolumeClaimName, metav1.GetOptions{})
	if err != nil {
		return "", err
	}
	size, group := origin.Status.Capacity[corev1.ResourceStorage], "snapshot.storage.k8s.io"
	if s.Status != nil && s.Status.RestoreSize != nil && s.Status.RestoreSize.Cmp(resource.Quantity{}) > 0 {
		size = *s.Status.RestoreSize
	}
	c, err := claims.Create(ctx, &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "look-"},
		Spec: corev1.PersistentVolumeClaimSpec{
			StorageClassName: origin.Spec.StorageClassName, AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			DataSource: &corev1.TypedLocalObjectReference{APIGroup: &group, Kind: "VolumeSnapshot", Name: at.snapshot},
			Resources:  corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: size}},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return "", err
	}
	return c.Name, nil
}

// nodeOf is the node of a pod that has the volume mounted, as a volume may be
// mounted on one node only; empty where there is none.
func (p pods) nodeOf(ctx context.Context, at place) (string, error) {
	all, err := p.kube.CoreV1().Pods(at.namespace).List(ctx, metav1.ListOptions{FieldSelector: "status.phase=Running"})
	if err != nil {
		return "", fmt.Errorf("look for the node of %s: %w", at, err)
	}
	for _, pod := range all.Items {
		for _, v := range pod.Spec.Volumes {
			if v.PersistentVolumeClaim != nil && v.PersistentVolumeClaim.ClaimName == at.claim {
				return pod.Spec.NodeName, nil
			}
		}
	}
	return "", nil
}

// pod does a job on a claim, which it mounts for reading if that is enough: the
// kubelet then leaves its attributes alone, too.
func (p pods) pod(claim string, j job.Job) *corev1.Pod {
	spec := corev1.PodSpec{
		RestartPolicy: corev1.RestartPolicyNever,
		Volumes: []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim, ReadOnly: !j.Writes()}}}},
		Containers: []corev1.Container{{
			Name: container, Image: p.workbench, Command: append([]string{"/bin/workbench", "/data"}, j...),
			VolumeMounts:    []corev1.VolumeMount{{Name: "data", MountPath: "/data"}},
			SecurityContext: confined(),
		}},
	}
	user, yes := int64(job.ApplicationID), true
	if p.restricted {
		policy := corev1.FSGroupChangeOnRootMismatch
		spec.SecurityContext = &corev1.PodSecurityContext{RunAsUser: &user, RunAsGroup: &user, FSGroup: &user, FSGroupChangePolicy: &policy, RunAsNonRoot: &yes}
	} else {
		root := int64(0)
		spec.SecurityContext = &corev1.PodSecurityContext{RunAsUser: &root}
		// What owners, modes, device nodes and file capabilities take.
		spec.Containers[0].SecurityContext.Capabilities.Add = []corev1.Capability{"CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "MKNOD", "SETFCAP"}
	}
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{GenerateName: "bench-"}, Spec: spec}
}
