//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/backube/scribe-gen/test/e2e/internal/job"
	"github.com/backube/scribe-gen/tree"
)

// directories reach data in the directories where the test driver keeps it, on
// this host.
type directories struct{ *world }

func (d directories) work(ctx context.Context, at place, j job.Job) error {
	root, err := d.root(ctx, at)
	if err != nil {
		return err
	}
	return j.Run(ctx, root, io.Discard)
}

func (d directories) compare(ctx context.Context, a, b place, o tree.Options) (tree.Report, error) {
	rootA, err := d.root(ctx, a)
	if err != nil {
		return tree.Report{}, err
	}
	rootB, err := d.root(ctx, b)
	if err != nil {
		return tree.Report{}, err
	}
	return tree.Compare(rootA, rootB, o)
}

// root is the directory of a place. A claim is bound for it.
func (d directories) root(ctx context.Context, at place) (string, error) {
	if at.snapshot != "" {
		return d.snapshotRoot(ctx, at)
	}
	claims := d.kube.CoreV1().PersistentVolumeClaims(at.namespace)
	c, err := claims.Get(ctx, at.claim, metav1.GetOptions{})
	if err != nil {
		return "", err
	}
	if c.Spec.VolumeName == "" {
		d.bind(at.namespace, at.claim)
		if c, err = claims.Get(ctx, at.claim, metav1.GetOptions{}); err != nil {
			return "", err
		}
	}
	v, err := d.kube.CoreV1().PersistentVolumes().Get(ctx, c.Spec.VolumeName, metav1.GetOptions{})
	if err != nil {
		return "", err
	}
	return filepath.Join(d.driverRoot(v.Spec.CSI.Driver), "volumes", v.Spec.CSI.VolumeHandle), nil
}

func (d directories) snapshotRoot(ctx context.Context, at place) (string, error) {
	s, err := d.snapshots.SnapshotV1().VolumeSnapshots(at.namespace).Get(ctx, at.snapshot, metav1.GetOptions{})
	if err != nil {
		return "", err
	}
	if s.Status == nil || s.Status.BoundVolumeSnapshotContentName == nil {
		return "", fmt.Errorf("%s has no content yet", at)
	}
	c, err := d.snapshots.SnapshotV1().VolumeSnapshotContents().Get(ctx, *s.Status.BoundVolumeSnapshotContentName, metav1.GetOptions{})
	if err != nil {
		return "", err
	}
	if c.Status == nil || c.Status.SnapshotHandle == nil {
		return "", fmt.Errorf("%s was not cut yet", at)
	}
	return filepath.Join(d.driverRoot(c.Spec.Driver), "snapshots", *c.Status.SnapshotHandle), nil
}

// driverRoot is the directory in which a test driver keeps volumes and snapshots.
func (d directories) driverRoot(driver string) string { return d.own.Path("volumes", driver) }
