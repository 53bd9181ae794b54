//go:build e2e

package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"
	"sigs.k8s.io/yaml"

	"github.com/backube/scribe-gen/generator/spec"
	"github.com/backube/scribe-gen/steps/contract"
)

// world is one replication between two namespaces of the cluster.
type world struct {
	*lab
	t *testing.T
	// id begins the names of its namespaces.
	id string
	// source and replica are the namespaces, rel the relationship.
	source, replica, rel string
	dir                  string
	spec                 *spec.Replication
	// data reaches into volumes and snapshots.
	data access
	// sides are the ends by their namespaces, witnesses those of their pods.
	sides     map[string]*side
	witnesses map[string]*witness
}

// claim is the name of the source's claim and of the replica's, primary that of the
// source's site.
const (
	claim   = "data"
	primary = "primary"
)

// edit changes the spec of a world before it is compiled.
type edit func(*spec.Replication)

// newWorld makes the namespaces and the spec; nothing of it is applied yet.
func newWorld(t *testing.T, on pair, edits ...edit) *world {
	t.Helper()
	w := draft(t, on.source)
	w.replica = w.id + "-dst"
	w.destination("backup", w.replica, on.replica)
	w.spec.Spec.Rsync = &spec.Rsync{}
	w.settle(edits)
	w.rel = contract.RelationshipName(w.spec.Metadata.Name, w.spec.Spec.Destinations[0].Site)
	w.side(w.source, on.source)
	w.side(w.replica, on.replica)
	return w
}

// draft is a world with the parts of a spec that all have, and no namespace yet.
func draft(t *testing.T, on spec.Engine) *world {
	w := &world{lab: shared, t: t, id: "e2e-" + rand.String(5), sides: map[string]*side{}, witnesses: map[string]*witness{}, dir: t.TempDir()}
	w.source = w.id + "-src"
	w.spec = &spec.Replication{
		APIVersion: spec.APIVersion, Kind: spec.Kind,
		Metadata: spec.Metadata{Name: "wiki"},
		Spec: spec.Spec{
			Sites:   map[string]spec.Site{primary: {Namespace: w.source, Engine: on}},
			Source:  spec.Source{Site: primary, PersistentVolumeClaim: claim},
			Retry:   spec.Retry{Backoff: "1s", MaxBackoff: "5s"},
			Timeout: "10m",
		},
	}
	return w
}

// destination adds a destination to the spec.
func (w *world) destination(site, namespace string, on spec.Engine) {
	w.spec.Spec.Sites[site] = spec.Site{Namespace: namespace, Engine: on}
	w.spec.Spec.Destinations = append(w.spec.Spec.Destinations, spec.Destination{
		Site: site, PersistentVolumeClaim: claim, Capacity: "1Gi", StorageClassName: w.class,
	})
}

// settle changes the spec as the scenario wants it and writes it.
func (w *world) settle(edits []edit) {
	w.t.Helper()
	for _, e := range edits {
		e(w.spec)
	}
	if w.own == nil {
		w.nameChosen()
	}
	w.data = w.reach()
	w.write()
}

// nameChosen has the spec name the image and the class that were chosen for a
// cluster that others made; on the own one, bundles are as users get them.
func (w *world) nameChosen() {
	w.spec.Spec.Mover.Image = w.image
	if m := w.spec.Spec.Source.CopyMethod; m != spec.CopyClone && m != spec.CopyDirect {
		w.spec.Spec.Source.VolumeSnapshotClassName = w.snapshotClass
	}
	for i := range w.spec.Spec.Destinations {
		if d := &w.spec.Spec.Destinations[i]; d.CopyMethod != spec.CopyDirect {
			d.VolumeSnapshotClassName = w.snapshotClass
		}
	}
}

// reach is the way to the data of this cluster.
func (w *world) reach() access {
	if w.own != nil {
		return directories{w}
	}
	return pods{w.lab, w.spec.Spec.Mover.Privileges == spec.PrivilegesRestricted}
}

// side makes a namespace and a client of its engine.
func (w *world) side(namespace string, on spec.Engine) {
	w.t.Helper()
	client, err := engines[on].runs(w.config, namespace)
	require.NoError(w.t, err)
	w.sides[namespace] = &side{engine: engines[on], namespace: namespace, client: client}
	w.namespace(namespace)
}

// namespace makes a namespace that enforces what the movers' privileges meet.
func (w *world) namespace(name string) {
	w.t.Helper()
	level := "baseline"
	if w.spec.Spec.Mover.Privileges == spec.PrivilegesRestricted {
		level = "restricted"
	}
	_, err := w.kube.CoreV1().Namespaces().Create(w.t.Context(), &corev1.Namespace{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"pod-security.kubernetes.io/enforce": level}},
	}, metav1.CreateOptions{})
	require.NoError(w.t, err)
	w.witnesses[name] = w.watch(name)
	w.t.Cleanup(func() { w.deleteNamespace(name) })
}

// write writes the spec to a file, for scribe-gen to read.
func (w *world) write() {
	w.t.Helper()
	text, err := yaml.Marshal(w.spec)
	require.NoError(w.t, err)
	require.NoError(w.t, os.WriteFile(filepath.Join(w.dir, "spec.yaml"), text, 0o644))
}

// scribe runs scribe-gen on the spec, which must end with the exit code.
func (w *world) scribe(code int, args ...string) (stdout, stderr string) {
	w.t.Helper()
	var out, problems bytes.Buffer
	cmd := w.command(args...)
	cmd.Stdout, cmd.Stderr = &out, &problems
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) {
		require.NoError(w.t, err)
	}
	require.Equal(w.t, code, cmd.ProcessState.ExitCode(), "scribe-gen %s\n%s%s", strings.Join(args, " "), out.String(), problems.String())
	return out.String(), problems.String()
}

func (w *world) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(w.t.Context(), filepath.Join(w.bin, "scribe-gen"), append(args, "-f", "spec.yaml")...)
	cmd.Dir = w.dir
	cmd.Env = append(os.Environ(), "KUBECONFIG="+w.kubeconfig)
	return cmd
}

// apply compiles the spec and applies the bundles as a GitOps tool would.
func (w *world) apply() {
	w.t.Helper()
	bundles, _ := w.scribe(0, "generate")
	w.kubectl(bundles, "apply", "--server-side", "--force-conflicts", "-f", "-")
}

// connect has keys made and copies the source's to it.
func (w *world) connect() {
	w.t.Helper()
	w.scribe(0, "keys")
	w.scribe(0, "connect")
}

// kubectl runs kubectl as the cluster's admin.
func (w *world) kubectl(stdin string, args ...string) string {
	w.t.Helper()
	cmd := exec.CommandContext(w.t.Context(), w.kubectlFile, args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+w.kubeconfig)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	require.NoError(w.t, err, "kubectl %s: %s", strings.Join(args, " "), out)
	return string(out)
}

// deleteNamespace removes a scenario's namespace without waiting for the end of
// it. A failed scenario's stays when the cluster does.
func (w *world) deleteNamespace(name string) {
	w.keepRoles(name)
	if w.t.Failed() && os.Getenv("SCRIBE_E2E_KEEP") != "" {
		return
	}
	if err := w.kube.CoreV1().Namespaces().Delete(w.background(), name, metav1.DeleteOptions{}); err != nil {
		fmt.Fprintf(os.Stderr, "e2e: delete namespace %s: %v\n", name, err)
	}
}
