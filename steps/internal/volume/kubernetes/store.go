// Package kubernetes keeps volumes, replica snapshots, Secrets and state in a
// namespace of a cluster: as PersistentVolumeClaims, VolumeSnapshots, Secrets and
// ConfigMaps.
//
// Everything is found by name and label. Names come from relationship and run, so
// a retry finds what an earlier attempt made; annotations keep what a name cannot
// tell, such as the recovery point. What a run may not leave behind is labelled as
// temporary when it is created, so that there is no instant at which a killed run
// leaves something that the next does not collect.
package kubernetes

import (
	"errors"
	"log/slog"
	"maps"
	"os"
	"strings"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v4/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/cluster"
	"github.com/backube/scribe-gen/steps/internal/step"
	"github.com/backube/scribe-gen/steps/internal/volume"
)

// Store is a namespace of a cluster. Any number of processes may use one at a
// time.
type Store struct {
	claims     cluster.Collection[*corev1.PersistentVolumeClaim]
	pods       cluster.Collection[*corev1.Pod]
	events     cluster.Collection[*corev1.Event]
	configMaps cluster.Collection[*corev1.ConfigMap]
	secrets    cluster.Collection[*corev1.Secret]
	snapshots  cluster.Collection[*snapshotv1.VolumeSnapshot]
	classes    cluster.Collection[*snapshotv1.VolumeSnapshotClass]
	log        *slog.Logger
	// deletesPods is whether finished pods go with the temporary claims they mount.
	deletesPods bool
}

var _ volume.Store = (*Store)(nil)

// Option changes how a store works.
type Option func(*Store)

// DeleteFinishedPods makes a store delete the finished pods that mount a temporary
// claim it removes. A claim vanishes only when no pod names it, and not every engine
// removes its pods.
func DeleteFinishedPods(s *Store) { s.deletesPods = true }

// OpenHere returns the store of the pod's own cluster, in the namespace that is
// given or the pod's own; see [cluster.Here]. What becomes of finished pods the
// environment says, in [contract.FinishedPodsVariable].
func OpenHere(namespace string, log *slog.Logger) (*Store, error) {
	var options []Option
	switch value := os.Getenv(contract.FinishedPodsVariable); value {
	case "":
	case contract.FinishedPodsDelete:
		options = append(options, DeleteFinishedPods)
	default:
		return nil, step.Usage("%s=%s: must be %s or empty", contract.FinishedPodsVariable, value, contract.FinishedPodsDelete)
	}
	config, namespace, err := cluster.Here(namespace)
	switch {
	case errors.Is(err, cluster.ErrNone):
		return nil, step.Usage("--directory is required outside a pod, or KUBECONFIG for the volumes of a cluster")
	case err != nil:
		return nil, err
	}
	return Open(config, namespace, log, options...)
}

// Open returns the store in a namespace of the cluster that config reaches. No
// request is made.
func Open(config *rest.Config, namespace string, log *slog.Logger, options ...Option) (*Store, error) {
	core, snapshots := corev1.SchemeGroupVersion, snapshotv1.SchemeGroupVersion
	c, err := cluster.Connect(config, namespace, log,
		cluster.Group{Version: core, AddToScheme: corev1.AddToScheme},
		cluster.Group{Version: snapshots, AddToScheme: snapshotv1.AddToScheme})
	if err != nil {
		return nil, err
	}
	s := &Store{
		claims: cluster.Typed(c, core, "persistentvolumeclaims",
			func() *corev1.PersistentVolumeClaim { return &corev1.PersistentVolumeClaim{} },
			func() *corev1.PersistentVolumeClaimList { return &corev1.PersistentVolumeClaimList{} }),
		pods: cluster.Typed(c, core, "pods",
			func() *corev1.Pod { return &corev1.Pod{} }, func() *corev1.PodList { return &corev1.PodList{} }),
		events: cluster.Typed(c, core, "events",
			func() *corev1.Event { return &corev1.Event{} }, func() *corev1.EventList { return &corev1.EventList{} }),
		configMaps: cluster.Typed(c, core, "configmaps",
			func() *corev1.ConfigMap { return &corev1.ConfigMap{} }, func() *corev1.ConfigMapList { return &corev1.ConfigMapList{} }),
		secrets: cluster.Typed(c, core, "secrets",
			func() *corev1.Secret { return &corev1.Secret{} }, func() *corev1.SecretList { return &corev1.SecretList{} }),
		snapshots: cluster.Typed(c, snapshots, "volumesnapshots",
			func() *snapshotv1.VolumeSnapshot { return &snapshotv1.VolumeSnapshot{} },
			func() *snapshotv1.VolumeSnapshotList { return &snapshotv1.VolumeSnapshotList{} }).Absent(noSnapshots),
		classes: cluster.Typed(c.ClusterWide(), snapshots, "volumesnapshotclasses",
			func() *snapshotv1.VolumeSnapshotClass { return &snapshotv1.VolumeSnapshotClass{} },
			func() *snapshotv1.VolumeSnapshotClassList { return &snapshotv1.VolumeSnapshotClassList{} }).Absent(noSnapshots),
		log: log,
	}
	for _, option := range options {
		option(s)
	}
	return s, nil
}

// labels are those of an object that a run makes. Labels of the source are never
// copied to it: tools that track objects by label would take it for one of theirs
// and remove it.
func labels(owner volume.Owner, more map[string]string) map[string]string {
	all := map[string]string{}
	for label, value := range map[string]string{
		contract.LabelReplication:  owner.Replication,
		contract.LabelRelationship: owner.Relationship,
		contract.LabelRun:          owner.Run,
	} {
		if value != "" {
			all[label] = value
		}
	}
	maps.Copy(all, more)
	return all
}

// temporary marks what a run may not leave behind.
func temporary() map[string]string { return map[string]string{contract.LabelTemporary: "true"} }

// describeOwner says whose an object is.
func describeOwner(o metav1.Object) string {
	l := o.GetLabels()
	if l[contract.LabelRelationship] == "" {
		return "it was not made by a run"
	}
	words := "it belongs to relationship " + l[contract.LabelRelationship]
	if run := l[contract.LabelRun]; run != "" {
		words = "it belongs to run " + run + " of relationship " + l[contract.LabelRelationship]
	}
	for _, from := range []struct{ annotation, words string }{
		{contract.AnnotationSource, ", made from claim "}, {contract.AnnotationSnapshot, ", made from replica snapshot "},
	} {
		if v := o.GetAnnotations()[from.annotation]; v != "" {
			words += from.words + v
		}
	}
	return words
}

// sameRun reports whether an object was made by the run.
func sameRun(o metav1.Object, owner volume.Owner) bool {
	l := o.GetLabels()
	return l[contract.LabelRelationship] == owner.Relationship && l[contract.LabelRun] == owner.Run
}

// deleting reports whether an object is on its way out.
func deleting(o metav1.Object) bool { return o.GetDeletionTimestamp() != nil }

// firstOf returns the first annotation that is set.
func firstOf(o metav1.Object, annotations ...string) string {
	for _, a := range annotations {
		if v := strings.TrimSpace(o.GetAnnotations()[a]); v != "" {
			return v
		}
	}
	return ""
}
