//go:build e2e

package e2e

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/generator/spec"
	"github.com/backube/scribe-gen/test/e2e/internal/job"
)

// foreign reports whether the scenarios run on a cluster that others made.
func foreign() bool {
	return os.Getenv("KUBECONFIG") != "" && os.Getenv("SCRIBE_E2E_CLUSTER") == ""
}

// foreignLab is the lab on the cluster of KUBECONFIG, to which nothing is done but
// by its API. It fails at once, naming everything that is missing.
func foreignLab(ctx context.Context, on []spec.Engine) (*lab, error) {
	l := &lab{
		engines:       on,
		kubeconfig:    os.Getenv("KUBECONFIG"),
		class:         os.Getenv("SCRIBE_E2E_STORAGE_CLASS"),
		snapshotClass: os.Getenv("SCRIBE_E2E_SNAPSHOT_CLASS"),
		image:         cmp.Or(os.Getenv("SCRIBE_E2E_IMAGE"), plan.Image),
		workbench:     cmp.Or(os.Getenv("SCRIBE_E2E_WORKBENCH"), job.Image),
		stores:        stores{host: os.Getenv(hostVariable)},
	}
	if err := l.connect(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	var kubectl error
	if l.kubectlFile, kubectl = exec.LookPath("kubectl"); kubectl != nil {
		kubectl = fmt.Errorf("put kubectl on PATH: %w", kubectl)
	}
	if err := errors.Join(kubectl, l.checkAPIs(), l.checkClasses(ctx), l.checkImages(ctx)); err != nil {
		return nil, fmt.Errorf("the cluster at %s lacks what the scenarios need:\n%w", l.config.Host, err)
	}
	fmt.Printf("e2e: on the cluster at %s, StorageClass %s, images %s and %s\n", l.config.Host, l.class, l.image, l.workbench)
	return l, l.build(ctx)
}

// checkAPIs looks for the custom resources of the engines and of snapshots.
func (l *lab) checkAPIs() error {
	type need struct {
		version, install string
		resources        []string
	}
	needs := []need{
		{"snapshot.storage.k8s.io/v1", "install the CRDs and the snapshot controller of kubernetes-csi/external-snapshotter",
			[]string{"volumesnapshots", "volumesnapshotcontents", "volumesnapshotclasses"}},
	}
	for _, name := range l.engines {
		e := engines[name]
		needs = append(needs, need{e.api, e.install, e.resources})
	}
	var problems []error
	for _, need := range needs {
		list, err := l.kube.Discovery().ServerResourcesForGroupVersion(need.version)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w: %s", need.version, err, need.install))
			continue
		}
		for _, name := range need.resources {
			if !slices.ContainsFunc(list.APIResources, func(r metav1.APIResource) bool { return r.Name == name }) {
				problems = append(problems, fmt.Errorf("%s has no %s: %s", need.version, name, need.install))
			}
		}
	}
	return errors.Join(problems...)
}

// checkClasses finds the StorageClass and a VolumeSnapshotClass of its driver.
func (l *lab) checkClasses(ctx context.Context) error {
	classes, err := l.kube.StorageV1().StorageClasses().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	i := slices.IndexFunc(classes.Items, func(c storagev1.StorageClass) bool {
		if l.class != "" {
			return c.Name == l.class
		}
		return c.Annotations["storageclass.kubernetes.io/is-default-class"] == "true"
	})
	if i < 0 {
		return fmt.Errorf("StorageClass %q: there is none of this name, or no default: "+
			"name one in SCRIBE_E2E_STORAGE_CLASS of which the driver clones and takes snapshots", l.class)
	}
	class := classes.Items[i]
	l.class, l.auto = class.Name, "Clone"
	if m := class.VolumeBindingMode; m != nil && *m == storagev1.VolumeBindingWaitForFirstConsumer {
		l.auto = "Snapshot"
	}
	snapshots, err := l.snapshots.SnapshotV1().VolumeSnapshotClasses().List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("list VolumeSnapshotClasses: %w", err)
	}
	for _, s := range snapshots.Items {
		if s.Driver == class.Provisioner && (l.snapshotClass == "" || s.Name == l.snapshotClass) {
			return nil
		}
	}
	return fmt.Errorf("no VolumeSnapshotClass %s is of driver %s, which StorageClass %s is of: make one (SCRIBE_E2E_SNAPSHOT_CLASS names it), "+
		"or name a class of another driver in SCRIBE_E2E_STORAGE_CLASS", l.snapshotClass, class.Provisioner, class.Name)
}

// needsOwnCluster leaves a scenario out, by name, on a cluster that others made.
func needsOwnCluster(t *testing.T, what string) {
	t.Helper()
	if shared.own == nil {
		leaveOut(t, what+", which only the project's own cluster has")
	}
}

// leaveOut ends a scenario that needs what the cluster does not have.
func leaveOut(t *testing.T, needs string) {
	t.Helper()
	results.Lock()
	results.leftOut[t.Name()] = needs
	results.Unlock()
	t.Skipf("left out: needs %s", needs)
}

// howToLoad says how an image comes to where pods find it.
func howToLoad(image, variable, build string) string {
	return strings.NewReplacer("IMAGE", image, "VARIABLE", variable, "BUILD", build).Replace(`image IMAGE does not run. Build it with
    BUILD
and give it to the nodes, for example with "kind load image-archive FILE", "minikube image load FILE" or
"go run ./test/cluster load-image --name NAME FILE"; or push it with "skopeo copy docker-archive:FILE docker://…"
and name it in VARIABLE`)
}
