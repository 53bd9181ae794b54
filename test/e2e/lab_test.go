//go:build e2e

package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	argo "github.com/argoproj/argo-workflows/v3/pkg/client/clientset/versioned"
	snapshots "github.com/kubernetes-csi/external-snapshotter/client/v4/clientset/versioned"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/backube/scribe-gen/test/cluster/boot"
)

// lab is the cluster that all scenarios share, each in namespaces of its own.
type lab struct {
	cluster   *boot.Cluster
	config    *rest.Config
	kube      kubernetes.Interface
	snapshots snapshots.Interface
	argo      argo.Interface
	dynamic   dynamic.Interface
	// bin holds scribe-gen.
	bin string
}

// shared is set before any test runs and never after.
var shared *lab

func TestMain(m *testing.M) {
	code, err := prepareAndRun(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	os.Exit(code)
}

func prepareAndRun(m *testing.M) (code int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Minute)
	defer cancel()
	name, keep := os.Getenv("SCRIBE_E2E_CLUSTER"), true
	if name == "" {
		name, keep = "e2e", os.Getenv("SCRIBE_E2E_KEEP") != ""
	}
	cluster, err := boot.Up(ctx, boot.Options{Name: name})
	if err != nil {
		return 1, fmt.Errorf("boot cluster %s: %w", name, err)
	}
	if !keep {
		defer func() { err = cluster.Down(context.Background()) }()
	}
	if shared, err = newLab(ctx, cluster); err != nil {
		return 1, err
	}
	defer os.RemoveAll(shared.bin)
	code = m.Run()
	printSummary()
	// Only the whole suite needs every right.
	if flag.Lookup("test.run").Value.String() == "" && code == 0 {
		err = shared.checkRights(ctx, results.roles)
	}
	return code, err
}

func newLab(ctx context.Context, cluster *boot.Cluster) (*lab, error) {
	l := &lab{cluster: cluster}
	var err error
	if l.config, err = clientcmd.BuildConfigFromFlags("", cluster.Kubeconfig); err != nil {
		return nil, err
	}
	// A scenario must not wait for the others' requests.
	l.config.QPS, l.config.Burst = 200, 400
	l.kube = kubernetes.NewForConfigOrDie(l.config)
	l.snapshots = snapshots.NewForConfigOrDie(l.config)
	l.argo = argo.NewForConfigOrDie(l.config)
	l.dynamic = dynamic.NewForConfigOrDie(l.config)
	if l.bin, err = os.MkdirTemp("", "scribe-e2e-"); err != nil {
		return nil, err
	}
	if err := l.build(ctx); err != nil {
		return nil, err
	}
	return l, nil
}

// build makes scribe-gen and the step image from this tree, and loads the image.
func (l *lab) build(ctx context.Context) error {
	image := filepath.Join(l.bin, "steps.tar")
	for _, args := range [][]string{
		{"go", "build", "-o", l.bin + "/", "../../cmd/scribe-gen"},
		{"go", "run", "../../image", "-o", image},
	} {
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%v: %w\n%s", args, err, out)
		}
	}
	return l.cluster.LoadImage(ctx, image)
}
