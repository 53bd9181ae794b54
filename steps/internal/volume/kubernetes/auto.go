package kubernetes

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/backube/scribe-gen/steps/internal/cluster"
	"github.com/backube/scribe-gen/steps/internal/step"
	"github.com/backube/scribe-gen/steps/internal/volume"
)

// auto takes the first method that the driver can do; see Copy. A retry finds what
// an earlier attempt made and stays with its method.
func (c *copying) auto(ctx context.Context) (volume.Copy, error) {
	made, why, err := c.autoClone(ctx)
	if err != nil || why == "" {
		return made, err
	}
	c.log.Info("no clone is taken", "reason", why)
	made, why, err = c.autoSnapshot(ctx)
	if err != nil || why == "" {
		return made, err
	}
	c.log.Warn("the volume is read live: what is written meanwhile may be in the copy or not", "reason", why)
	return c.direct(), nil
}

// autoClone takes a clone, or says why it does not.
func (c *copying) autoClone(ctx context.Context) (made volume.Copy, why string, err error) {
	const late = "the StorageClass waits for a consumer, so that it is not known whether the driver can clone"
	if c.source.Annotations[annotationSelectedNode] != "" && c.class() == classOf(c.source) {
		return made, late, nil
	}
	made, how, err := c.clone(ctx)
	var u *unable
	switch {
	case errors.As(err, &u):
		why = u.words
	case err != nil:
		return made, "", err
	case how == waiting && made.Method == methodClone:
		why = late
	default:
		return made, "", nil
	}
	claim, err := c.claims.Get(ctx, c.Name)
	switch {
	case apierrors.IsNotFound(err):
		return made, why, nil
	case err != nil:
		return made, "", err
	case !sameRun(claim, c.Owner):
		return made, "", fmt.Errorf("claim %s: %w: %s", claim.Name, volume.ErrExists, describeOwner(claim))
	}
	return made, why, ignoreGone(c.claims.Delete(ctx, claim))
}

// autoSnapshot takes a snapshot, or says why it does not.
func (c *copying) autoSnapshot(ctx context.Context) (made volume.Copy, why string, err error) {
	if c.SnapshotClass == "" {
		driver := driverOf(c.source)
		if driver == "" {
			return made, fmt.Sprintf("claim %s does not tell its driver, as its volume was made by hand: set source.volumeSnapshotClassName to take snapshots", c.Claim), nil
		}
	}
	made, _, err = c.restored(ctx)
	var u *unable
	if errors.As(err, &u) {
		return made, u.words, nil
	}
	return made, "", err
}

// annotationDefaultClass is "true" on a driver's default VolumeSnapshotClass.
const annotationDefaultClass = "snapshot.storage.kubernetes.io/is-default-class"

// snapshotClass is the VolumeSnapshotClass of a driver: the default one, or the
// only one. It is "" when classes may not be listed; then the snapshot controller
// takes the default one or says that there is none.
func (s *Store) snapshotClass(ctx context.Context, driver string) (string, error) {
	if driver == "" {
		return "", nil
	}
	classes, _, err := s.classes.List(ctx, metav1.ListOptions{})
	switch {
	case cluster.IsUnknown(err):
		return "", &unable{err.Error()}
	case step.Refusal(err) != "":
		s.log.Info("VolumeSnapshotClasses may not be listed: the snapshot controller chooses", "error", err.Error())
		return "", nil
	case err != nil:
		return "", err
	}
	var all, defaults []string
	for _, class := range classes {
		if class.Driver != driver {
			continue
		}
		all = append(all, class.Name)
		if class.Annotations[annotationDefaultClass] == "true" {
			defaults = append(defaults, class.Name)
		}
	}
	switch {
	case len(defaults) == 1:
		return defaults[0], nil
	case len(all) == 1:
		return all[0], nil
	case len(all) == 0:
		return "", &unable{"there is no VolumeSnapshotClass of driver " + driver}
	}
	return "", inapt("driver %s has the VolumeSnapshotClasses %v, of which not exactly one is the default: set volumeSnapshotClassName", driver, all)
}
