//go:build e2e

package e2e

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/backube/scribe-gen/generator/spec"
	"github.com/backube/scribe-gen/test/e2e/internal/job"
	"github.com/backube/scribe-gen/tree"
)

// example runs the README of an example.
func example(t *testing.T, name string) (*paper, *shell) {
	t.Helper()
	p := newPaper(t, spec.PrivilegesOwner, "examples", name)
	commands, _ := p.read()
	terminal := p.shell()
	t.Log(terminal.run(commands))
	return p, terminal
}

func TestExampleRefreshStaging(t *testing.T) {
	proves(t, "the example refreshes staging: it becomes identical to production at the recovery point, whatever is in both", onTekton, func(t *testing.T, on pair) {
		p, terminal := example(t, "refresh-staging")
		production, staging := p.volume(p.namespace, "database"), p.volume(p.namespace, "database-staging")
		p.identical(production, staging)

		p.work(production, job.Torture())
		p.work(staging, job.Volume(20, 7))
		refresh := `run=$(kubectl create -f run.yaml -o name)
			kubectl wait "$run" --for=condition=Succeeded --timeout=10m`
		terminal.run(refresh)
		p.identical(production, staging)
		p.work(production, job.Mutate(20, 3))
		terminal.run(refresh)
		p.identical(production, staging)
		p.noneTemporary()
	})
}

func TestExampleSnapshotBeforeUpgrade(t *testing.T) {
	proves(t, "the example keeps a copy before an upgrade, and an upgrade that fails is taken back", onArgo, func(t *testing.T, on pair) {
		p, terminal := example(t, "snapshot-before-upgrade")
		database := p.volume(p.namespace, "database")
		// The first upgrade changed the claim, the second was taken back.
		p.identical(p.volume(p.namespace, "database-before-v3"), database)
		assert.False(t, p.compare(p.volume(p.namespace, "database-before-v2"), database, tree.Options{NoLostFound: true}).Equal())

		p.work(database, job.Torture())
		terminal.run(`failing=$(sed s/v2/v4/ run.yaml | kubectl create -f - -o name)
			kubectl wait "$failing" --for=jsonpath='{.status.phase}'=Failed --timeout=10m`)
		p.identical(p.volume(p.namespace, "database-before-v4"), database)
		p.identical(place{namespace: p.namespace, snapshot: "database-before-v4"}, database)
	})
}

func TestExampleMigrateStorageClass(t *testing.T) {
	proves(t, "the example migrates a claim to another StorageClass, verifies it, and tells a difference", onArgo, func(t *testing.T, on pair) {
		p, terminal := example(t, "migrate-storage-class")
		from, to := p.volume(p.namespace, "data"), p.volume(p.namespace, "data-migrated")
		p.identical(from, to)
		claims := p.kube.CoreV1().PersistentVolumeClaims(p.namespace)
		made, err := claims.Get(t.Context(), "data-migrated", metav1.GetOptions{})
		require.NoError(t, err)
		assert.Equal(t, p.otherClass(), *made.Spec.StorageClassName)

		p.work(from, job.Torture())
		terminal.run(`run=$(kubectl create -f run.yaml -o name)
			kubectl wait "$run" --for=jsonpath='{.status.phase}'=Succeeded --timeout=10m`)
		p.identical(from, to)
		p.noneTemporary()

		p.work(to, job.Mutate(5, 1))
		terminal.run(`run=$(kubectl create -o name -f - <<'EOF'
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {generateName: verify-}
spec:
  workflowTemplateRef: {name: migrate-claim}
  entrypoint: verify
  arguments: {parameters: [{name: source-claim, value: data}]}
EOF
)
			kubectl wait "$run" --for=jsonpath='{.status.phase}'=Failed --timeout=10m`)
	})
}

// A ClusterWorkflowTemplate serves workflows of any namespace that has its account, and
// a ClusterRole lets the account look up classes.
func TestCatalogClusterScope(t *testing.T) {
	proves(t, "a workflow refers to a block that is there once for all namespaces; bound to the block's ClusterRole, its account may list classes", onArgo, func(t *testing.T, on pair) {
		p := newPaper(t, spec.PrivilegesOwner, packageFolder(on, "snapshot-create")...)
		terminal := p.shell()
		terminal.run(`kubectl apply -f samples/data.yaml -f rbac.yaml
			kubectl apply -f cluster/manifests.yaml
			kubectl wait --for=jsonpath='{.status.phase}'=Succeeded pod/demo-data --timeout=5m
			run=$(sed 's/^    name: scribe-snapshot-create/&\n    clusterScope: true/' samples/run.yaml | kubectl create -o name -f -)
			kubectl wait "$run" --for=jsonpath='{.status.phase}'=Succeeded --timeout=10m`)
		copied(p)
		mayList := "kubectl auth can-i list volumesnapshotclasses --as=system:serviceaccount:NAMESPACE:scribe-snapshot-create"
		assert.Equal(t, "yes\n", terminal.run(strings.ReplaceAll(`kubectl apply -f discovery.yaml >/dev/null
			kubectl create clusterrolebinding NAMESPACE-scribe-snapshot-create --clusterrole=scribe-discovery --serviceaccount=NAMESPACE:scribe-snapshot-create >/dev/null
			`+mayList+` 2>/dev/null`, "NAMESPACE", p.namespace)))
		terminal.run("kubectl delete -f cluster/manifests.yaml -f discovery.yaml\nkubectl delete clusterrolebinding " + p.namespace + "-scribe-snapshot-create")
	})
}

// A mover without root keeps what one user owns, in pods that meet Pod Security
// Standard restricted.
func TestCatalogWithoutRoot(t *testing.T) {
	proves(t, "a block that was patched to run without root copies what one user owns, under Pod Security Standard restricted", onOne, func(t *testing.T, on pair) {
		p := newPaper(t, spec.PrivilegesRestricted, packageFolder(on, "rsync-copy")...)
		p.makeClaim(p.namespace, demoSource, p.class, "1Gi")
		p.makeClaim(p.namespace, demoReplica, p.class, "1Gi")
		source := p.volume(p.namespace, demoSource)
		p.work(source, job.Application())
		manifest, access, run, condition := "manifests.yaml", "rbac.yaml", "samples/run.yaml", "jsonpath='{.status.phase}'=Succeeded"
		if on.source == spec.EngineTekton {
			manifest, access, run, condition = "scribe-rsync-copy.yaml", "samples/rbac.yaml", "samples/run-without-root.yaml", "condition=Succeeded"
		}
		t.Log(p.shell().run(`kubectl patch --local -f ` + manifest + ` --type=json --patch-file=without-root.json -o yaml | kubectl apply -f - -f ` + access + `
			run=$(kubectl create -f ` + run + ` -o name)
			kubectl wait "$run" --for=` + condition + ` --timeout=10m`))
		report := p.compare(source, p.volume(p.namespace, demoReplica), tree.Options{NoOwners: true, NoLostFound: true})
		// fsGroup is the kubelet's: it sets group and mode of the replica's root.
		for _, d := range report.Differences {
			require.Equal(t, ".", d.Path, "%s", report)
		}
	})
}
