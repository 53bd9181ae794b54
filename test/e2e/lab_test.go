//go:build e2e

package e2e

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	snapshots "github.com/kubernetes-csi/external-snapshotter/client/v4/clientset/versioned"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/generator/spec"
	"github.com/backube/scribe-gen/image/archive"
	"github.com/backube/scribe-gen/test/cluster/boot"
)

// lab is the cluster that all scenarios share, each in namespaces of its own.
type lab struct {
	// engines are those that scenarios run on.
	engines []spec.Engine
	// mixed is set when every scenario runs on pairs of different engines.
	mixed bool
	// own is the test cluster; nil on a foreign one.
	own       *boot.Cluster
	config    *rest.Config
	kube      kubernetes.Interface
	snapshots snapshots.Interface
	// kubeconfig is what KUBECONFIG has to be for programs, kubectlFile the program.
	kubeconfig, kubectlFile string
	// class is the StorageClass of ordinary volumes, auto what copyMethod Auto makes
	// of one.
	class, auto string
	// image is that of the steps.
	image string
	// snapshotClass and workbench are a foreign cluster's: a VolumeSnapshotClass, or
	// empty for the driver's default, and the image of the workbench.
	snapshotClass, workbench string
	// bin holds scribe-gen.
	bin string
	// stores are the object stores.
	stores stores
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
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	on, pairDifferent, err := chosen()
	if err != nil {
		return 1, err
	}
	if foreign() {
		shared, err = foreignLab(ctx, on)
	} else {
		var cluster *boot.Cluster
		keep := os.Getenv("SCRIBE_E2E_CLUSTER") != "" || os.Getenv("SCRIBE_E2E_KEEP") != ""
		if cluster, err = boot.Up(ctx, boot.Options{Name: cmp.Or(os.Getenv("SCRIBE_E2E_CLUSTER"), "e2e")}); err != nil {
			return 1, fmt.Errorf("boot a cluster: %w", err)
		}
		if !keep {
			defer func() { err = errors.Join(err, cluster.Down(context.Background())) }()
		}
		shared, err = ownLab(ctx, cluster, on)
	}
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(shared.bin)
	defer func() { err = errors.Join(err, shared.stores.stop()) }()
	shared.mixed = pairDifferent
	if err := shared.stores.build(ctx); err != nil {
		return 1, err
	}
	code = m.Run()
	// Only the whole suite needs every right.
	if flag.Lookup("test.run").Value.String() == "" && code == 0 {
		err = judgeRights(ctx)
	}
	printSummary()
	return code, err
}

// ownLab is the lab on a test cluster, which gets the step image of this tree.
func ownLab(ctx context.Context, cluster *boot.Cluster, on []spec.Engine) (*lab, error) {
	host, err := hostOf(cluster)
	if err != nil {
		return nil, err
	}
	l := &lab{
		engines: on, own: cluster, kubeconfig: cluster.Kubeconfig, kubectlFile: cluster.Binary("kubectl"),
		class: "fast", auto: "Clone", image: plan.Image, stores: stores{host: host},
	}
	if err := l.connect(); err != nil {
		return nil, err
	}
	if err := l.build(ctx); err != nil {
		return nil, err
	}
	file := filepath.Join(l.bin, "steps.tar")
	if _, err := archive.Build(ctx, archive.Options{Output: file}); err != nil {
		return nil, fmt.Errorf("build the step image: %w", err)
	}
	return l, cluster.LoadImage(ctx, file)
}

// connect makes the clients for the kubeconfig's current context.
func (l *lab) connect() error {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.Precedence = filepath.SplitList(l.kubeconfig)
	var err error
	if l.config, err = clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil).ClientConfig(); err != nil {
		return fmt.Errorf("connect by KUBECONFIG=%s: %w", l.kubeconfig, err)
	}
	// A scenario must not wait for the others' requests.
	l.config.QPS, l.config.Burst = 200, 400
	if l.kube, err = kubernetes.NewForConfig(l.config); err != nil {
		return err
	}
	l.snapshots, err = snapshots.NewForConfig(l.config)
	return err
}

// build makes scribe-gen from this tree.
func (l *lab) build(ctx context.Context) error {
	var err error
	if l.bin, err = os.MkdirTemp("", "scribe-e2e-"); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-o", l.bin+"/", "../../cmd/scribe-gen")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build scribe-gen: %w\n%s", err, out)
	}
	return nil
}
